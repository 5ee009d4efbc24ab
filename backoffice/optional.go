package backoffice

import "encoding/json"

// Optional is a value that may be left to whatever stands above: the zero
// Optional inherits. In JSON it is the value or null.
type Optional[T comparable] struct {
	V   T
	Set bool
}

// Some is an Optional that is set to v.
func Some[T comparable](v T) Optional[T] { return Optional[T]{v, true} }

// FromPtr turns a nullable column into an Optional; nil inherits.
func FromPtr[T comparable](p *T) Optional[T] {
	if p == nil {
		return Optional[T]{}
	}
	return Some(*p)
}

// Ptr is nil when the value is inherited: the form that a nullable column
// takes.
func (o Optional[T]) Ptr() *T {
	if !o.Set {
		return nil
	}
	return &o.V
}

// Or is the value, or inherited when there is none.
func (o Optional[T]) Or(inherited T) T {
	if o.Set {
		return o.V
	}
	return inherited
}

func (o Optional[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.Ptr()) }

func (o *Optional[T]) UnmarshalJSON(text []byte) error {
	var p *T
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	*o = FromPtr(p)
	return nil
}
