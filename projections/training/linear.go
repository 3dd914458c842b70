package training

import (
	"errors"
	"math"
)

func square(n int) [][]float64 {
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n)
	}
	return m
}

// root is the lower Cholesky root of a positive definite matrix.
type root [][]float64

// cholesky takes the root of m, rows that are not free replaced by the unit's.
func cholesky(m [][]float64, free []bool) (root, error) {
	l := square(len(m))
	for j := range m {
		for k := 0; k <= j; k++ {
			v := 0.0
			switch {
			case free[j] && free[k]:
				v = m[j][k]
			case j == k:
				v = 1
			}
			for i := range k {
				v -= float64(l[j][i] * l[k][i])
			}
			if j != k {
				l[j][k] = v / l[k][k]
				continue
			}
			if !(v > 0) {
				return nil, errors.New("regress: the rows do not determine the weights")
			}
			l[j][j] = math.Sqrt(v)
		}
	}
	return l, nil
}

// solve returns v with l·lᵀ·v = b.
func (l root) solve(b []float64) []float64 {
	v := make([]float64, len(b))
	for j := range l {
		sum := b[j]
		for k := range j {
			sum -= float64(l[j][k] * v[k])
		}
		v[j] = sum / l[j][j]
	}
	for j := len(l) - 1; j >= 0; j-- {
		sum := v[j]
		for k := j + 1; k < len(l); k++ {
			sum -= float64(l[k][j] * v[k])
		}
		v[j] = sum / l[j][j]
	}
	return v
}

// solve returns Newton's step for the free weights; the others stay.
func solve(hessian [][]float64, gradient []float64, free []bool) ([]float64, error) {
	l, err := cholesky(hessian, free)
	if err != nil {
		return nil, err
	}
	b := make([]float64, len(gradient))
	for j, g := range gradient {
		if free[j] {
			b[j] = g
		}
	}
	return l.solve(b), nil
}
