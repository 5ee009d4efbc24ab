//go:build packed

package static

import _ "embed"

//go:embed packed.bin
var packed string

func embedded() *tree {
	t, err := unpack(packed)
	if err != nil {
		panic("static: packed.bin: " + err.Error())
	}
	return t
}
