package backoffice

// Refusal is the sentence that says why a single value was not taken. It is
// written for the person who typed the value: it can stand at the field, in a
// row of an import plan, or in an answer of the API. It never holds the value.
type Refusal string

func (r Refusal) Error() string { return string(r) }
