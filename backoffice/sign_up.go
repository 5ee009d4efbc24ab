package backoffice

// SignUpSettings say whether people come in by themselves (product.md, section 5).
type SignUpSettings struct {
	Open   bool // anybody may sign up; off in a new installation
	Verify bool // who did enters only after proving the address; on in a new installation
}

// NewSignUp is what somebody fills in who signs up by themselves, but for the
// password.
type NewSignUp struct {
	Email   string
	Name    string // their own
	Account string // name of the account that is made with them as its first user
}

// Clean returns what will be stored, and what is wrong with it by field: email,
// name, account. Whether a user has the address already makes no difference.
func (n NewSignUp) Clean() (NewSignUp, Problems) {
	var problems Problems
	if n.Email == "" {
		problems.Add("email", "Enter your e-mail address.")
	} else if email, err := ParseEmail(n.Email); err != nil {
		problems.Add("email", err.Error())
	} else {
		n.Email = string(email)
	}
	name := func(field, typed, missing string) string {
		clean, err := CleanName(typed, MaxName)
		if err != nil {
			problems.Add(field, err.Error())
			return typed
		}
		if clean == "" {
			problems.Add(field, missing)
		}
		return clean
	}
	n.Name = name("name", n.Name, "Enter your name.")
	n.Account = name("account", n.Account, "Enter a name for the account, such as that of your company.")
	return n, problems
}
