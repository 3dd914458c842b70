// Package training learns from the service's own closings: rows of features as
// they were known at the time, labels with the time at which they were known,
// a logistic regression, and a gate that lets a model serve only when it is
// shown to be better than the one that does.
//
// Everything here is a function of its arguments: sums are made in a fixed
// order and chance is seeded, so the same rows give the same model.
package training

import (
	"errors"
	"math"
)

// Fit is a logistic regression: the log odds of x are Intercept + Weights·x.
type Fit struct {
	Intercept float64
	Weights   []float64
	Spread    []float64 // variance of each weight, by the curvature at the optimum
}

// Regress fits y to x by Newton's method: the minimum of the weighted log loss
// plus l2/2 times the squared weights, the intercept free. A weight with a sign
// of +1 or -1 is kept on that side of zero.
func Regress(x [][]float64, y, weight []float64, l2 float64, sign []int) (Fit, error) {
	return regressFrom(nil, x, y, weight, l2, sign)
}

// regressFrom is Regress from a guess, the intercept last: the nearer it is to
// the optimum, the fewer steps. The optimum is the same; nil is zero.
func regressFrom(guess []float64, x [][]float64, y, weight []float64, l2 float64, sign []int) (Fit, error) {
	if len(x) == 0 || len(x) != len(y) || len(x) != len(weight) {
		return Fit{}, errors.New("regress: want as many labels and weights as rows, and at least one")
	}
	r := &regression{x: x, y: y, weight: weight, l2: l2, sign: sign, n: len(x[0]) + 1}
	beta := make([]float64, r.n)
	copy(beta, guess)
	for range maxSteps {
		gradient, hessian := r.slope(beta)
		free := r.free(beta, gradient)
		if steepest(gradient, free) < converged {
			return r.fit(beta, hessian)
		}
		step, err := solve(hessian, gradient, free)
		if err != nil {
			return Fit{}, err
		}
		if beta = r.descend(beta, step); beta == nil {
			return Fit{}, errors.New("regress: no step makes the loss smaller")
		}
	}
	return Fit{}, errors.New("regress: does not converge")
}

const (
	maxSteps  = 200
	converged = 1e-8
)

// regression is one problem; beta has the intercept last.
type regression struct {
	x         [][]float64
	y, weight []float64
	l2        float64
	sign      []int
	n         int
}

func (r *regression) logOdds(beta, x []float64) float64 {
	z := beta[r.n-1]
	for j, v := range x {
		z += float64(beta[j] * v)
	}
	return z
}

// loss is what is made as small as can be.
func (r *regression) loss(beta []float64) float64 {
	sum := 0.0
	for i, x := range r.x {
		z := r.logOdds(beta, x)
		sum += r.weight[i] * (softplus(z) - float64(r.y[i]*z))
	}
	for _, b := range beta[:r.n-1] {
		sum += r.l2 / 2 * b * b
	}
	return sum
}

// softplus is ln(1+e^z) without overflow.
func softplus(z float64) float64 { return max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) }

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

func (r *regression) slope(beta []float64) (gradient []float64, hessian [][]float64) {
	gradient, hessian = make([]float64, r.n), square(r.n)
	row := make([]float64, r.n)
	for i, x := range r.x {
		copy(row, x)
		row[r.n-1] = 1
		p := sigmoid(r.logOdds(beta, x))
		off, curve := r.weight[i]*(p-r.y[i]), r.weight[i]*p*(1-p)
		for j, v := range row {
			gradient[j] += float64(off * v)
			v *= curve
			line := hessian[j][:j+1]
			for k, u := range row[:len(line)] {
				line[k] += float64(v * u)
			}
		}
	}
	for j := range r.n - 1 {
		gradient[j] += r.l2 * beta[j]
		hessian[j][j] += r.l2
	}
	for j := range hessian {
		hessian[j][j] += 1e-12 // a column of zeros would have no root
		for k := range j {
			hessian[k][j] = hessian[j][k]
		}
	}
	return gradient, hessian
}

// free tells which weights may move: not those at zero that want to the wrong side.
func (r *regression) free(beta, gradient []float64) []bool {
	free := make([]bool, r.n)
	for j := range free {
		s := r.signOf(j)
		free[j] = s == 0 || beta[j] != 0 || float64(s)*gradient[j] < 0
	}
	return free
}

func (r *regression) signOf(j int) int {
	if j < len(r.sign) {
		return r.sign[j]
	}
	return 0
}

// descend goes along -step, less far until the loss is smaller. It returns nil
// if it never is; a step too small to see is taken.
func (r *regression) descend(beta, step []float64) []float64 {
	before := r.loss(beta)
	for t := 1.0; t > 1e-10; t /= 2 {
		next := make([]float64, r.n)
		for j := range next {
			next[j] = beta[j] - float64(t*step[j])
			if s := float64(r.signOf(j)); s*next[j] < 0 {
				next[j] = 0
			}
		}
		if r.loss(next) <= before+1e-12*math.Abs(before) {
			return next
		}
	}
	return nil
}

func (r *regression) fit(beta []float64, hessian [][]float64) (Fit, error) {
	f := Fit{Intercept: beta[r.n-1], Weights: beta[: r.n-1 : r.n-1], Spread: make([]float64, r.n-1)}
	all := make([]bool, r.n)
	for j := range all {
		all[j] = true
	}
	root, err := cholesky(hessian, all)
	if err != nil {
		return Fit{}, err
	}
	for j := range f.Spread {
		unit := make([]float64, r.n)
		unit[j] = 1
		f.Spread[j] = root.solve(unit)[j]
	}
	return f, nil
}

func steepest(gradient []float64, free []bool) float64 {
	most := 0.0
	for j, g := range gradient {
		if free[j] {
			most = max(most, math.Abs(g))
		}
	}
	return most
}
