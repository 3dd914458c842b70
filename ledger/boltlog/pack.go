package boltlog

import (
	"fmt"

	"github.com/enterprisehub/ghl-ledger/ledger"
	"github.com/klauspost/compress/zstd"
)

// Bodies from this size on are compressed, if that saves at least an eighth:
// below it, what is saved is less than what every read costs.
const packFrom = 1024

// packer compresses bodies before they are sealed, since sealed bytes do not
// compress. It is safe for concurrent use.
type packer struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newPacker() (*packer, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(4))
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(4), zstd.WithDecoderMaxMemory(ledger.MaxBody))
	return &packer{encoder, decoder}, err
}

func (p *packer) close() { p.decoder.Close() }

// pack returns body as it is to be sealed, and whether it is compressed.
func (p *packer) pack(body []byte) ([]byte, bool) {
	if len(body) < packFrom {
		return body, false
	}
	packed := p.encoder.EncodeAll(body, make([]byte, 0, len(body)/2))
	if len(packed) > len(body)-len(body)/8 {
		return body, false
	}
	return packed, true
}

func (p *packer) unpack(packed []byte) ([]byte, error) {
	body, err := p.decoder.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: its body does not decompress: %v", ledger.ErrCorrupt, err)
	}
	return body, nil
}
