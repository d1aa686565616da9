package telemetry

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// scanner reads JSON forward, once. Every method leaves `at` behind what it read, or where the fault is.
type scanner struct {
	data []byte
	at   int
	// depth is how deep objects and arrays may nest.
	depth int
	// spaces counts the white space that skip passed over.
	spaces int
	// scratch holds the last string that had escapes.
	scratch []byte
}

// plain marks the bytes that stand for themselves in a string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// space passes white space and returns the byte behind it, 0 at the end of the data.
func (s *scanner) space() byte {
	for s.at < len(s.data) {
		c := s.data[s.at]
		if c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
		s.at++
		s.spaces++
	}
	return 0
}

// peek returns the byte at hand, 0 at the end of the data.
func (s *scanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

func (s *scanner) unexpected(want string) *fault {
	if s.at >= len(s.data) {
		return faultf(ReasonCutOff, "the JSON ends at byte %d where %s is due: send the whole object", s.at, want)
	}
	return faultf(ReasonInvalidJSON, "byte %d is %s where %s is due: send valid JSON", s.at, quote(s.data[s.at]), want)
}

func quote(c byte) string {
	if c < utf8.RuneSelf {
		return strconv.QuoteRune(rune(c))
	}
	return fmt.Sprintf("0x%02x", c)
}

// member moves to the value of the object's next member and returns its key, or more = false behind the closing brace.
// The key is valid until the next string with escapes is read.
func (s *scanner) member(first bool) (key []byte, more bool, f *fault) {
	c := s.space()
	if c == '}' {
		s.at++
		return nil, false, nil
	}
	if !first {
		if c != ',' {
			return nil, false, s.unexpected("a comma or }")
		}
		s.at++
		c = s.space()
	}
	if c != '"' {
		return nil, false, s.unexpected("a field name in quotes")
	}
	if key, f = s.text(); f != nil {
		return nil, false, f
	}
	if s.space() != ':' {
		return nil, false, s.unexpected("a colon")
	}
	s.at++
	s.space()
	return key, true, nil
}

// text reads a string; `at` is on its opening quote.
func (s *scanner) text() ([]byte, *fault) {
	start := s.at + 1
	for i := start; i < len(s.data); i++ {
		c := s.data[i]
		if plain[c] {
			continue
		}
		if c == '"' {
			s.at = i + 1
			return s.data[start:i], nil
		}
		s.scratch = append(s.scratch[:0], s.data[start:i]...)
		s.at = i
		return s.escaped()
	}
	s.at = len(s.data)
	return nil, s.unexpected("the end of a string")
}

// escaped reads the rest of a string from its first byte that is not plain.
func (s *scanner) escaped() ([]byte, *fault) {
	for s.at < len(s.data) {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return s.scratch, nil
		case c == '\\':
			r, f := s.escape()
			if f != nil {
				return nil, f
			}
			s.scratch = utf8.AppendRune(s.scratch, r)
		case c < ' ':
			return nil, s.unexpected("an escaped control character")
		default:
			s.scratch = append(s.scratch, c)
			s.at++
		}
	}
	return nil, s.unexpected("the end of a string")
}

var escapes = [256]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads one escape, two where they are the halves of one character.
func (s *scanner) escape() (rune, *fault) {
	s.at++
	c := s.peek()
	if c != 'u' {
		r := escapes[c]
		if r == 0 {
			return 0, s.unexpected("an escape such as \\n")
		}
		s.at++
		return r, nil
	}
	r, f := s.hex()
	if f != nil || !utf16.IsSurrogate(r) {
		return r, f
	}
	if s.at+1 >= len(s.data) || s.data[s.at] != '\\' || s.data[s.at+1] != 'u' {
		return utf8.RuneError, nil
	}
	back := s.at
	s.at++
	low, f := s.hex()
	if f != nil {
		return 0, f
	}
	if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
		return pair, nil
	}
	s.at = back
	return utf8.RuneError, nil
}

// hex reads `uXXXX`.
func (s *scanner) hex() (rune, *fault) {
	r := rune(0)
	s.at++
	for range 4 {
		c := s.peek()
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, s.unexpected("a hexadecimal digit")
		}
		r = r<<4 | rune(c)
		s.at++
	}
	return r, nil
}

// skip passes one value of any type; level is how deep it stands, 1 for the event itself.
func (s *scanner) skip(level int) *fault {
	switch c := s.peek(); c {
	case '{', '[':
		if level > s.depth {
			return faultf(ReasonTooDeep, "objects nest deeper than %d at byte %d: send a flatter object", s.depth, s.at)
		}
		if c == '{' {
			return s.skipObject(level)
		}
		return s.skipArray(level)
	case '"':
		_, f := s.text()
		return f
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	_, _, f := s.digits()
	return f
}

func (s *scanner) skipObject(level int) *fault {
	s.at++
	for first := true; ; first = false {
		_, more, f := s.member(first)
		if f != nil || !more {
			return f
		}
		if f := s.skip(level + 1); f != nil {
			return f
		}
	}
}

func (s *scanner) skipArray(level int) *fault {
	s.at++
	if s.space() == ']' {
		s.at++
		return nil
	}
	for {
		s.space()
		if f := s.skip(level + 1); f != nil {
			return f
		}
		switch s.space() {
		case ']':
			s.at++
			return nil
		case ',':
			s.at++
		default:
			return s.unexpected("a comma or ]")
		}
	}
}

func (s *scanner) literal(word string) *fault {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.unexpected("the word " + word)
		}
		s.at++
	}
	return nil
}

// pow10 are the powers of ten that a float64 holds exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
	1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// number reads a number as the float64 next to it, as strconv does.
func (s *scanner) number() (float64, *fault) {
	start := s.at
	mantissa, exponent, f := s.digits()
	if f != nil {
		return 0, f
	}
	// Both the mantissa and the power are exact, so one division or multiplication rounds once: the nearest float64.
	if mantissa < 1<<53 && -22 <= exponent && exponent <= 22 {
		v := float64(mantissa)
		if exponent < 0 {
			v /= pow10[-exponent]
		} else {
			v *= pow10[exponent]
		}
		if s.data[start] == '-' {
			v = -v
		}
		return v, nil
	}
	raw := s.data[start:s.at]
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(raw), len(raw)), 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, faultf(ReasonNotFinite, "%s is beyond what a 64-bit float holds: send a finite number", clip(raw))
	}
	return v, nil
}

// digits passes a number in JSON's form. It returns the number as mantissa × 10^exponent, and a mantissa of 1<<63 when
// the digits do not fit.
func (s *scanner) digits() (mantissa uint64, exponent int, f *fault) {
	if s.peek() == '-' {
		s.at++
	}
	begin := s.at
	mantissa = s.run(0)
	digits := s.at - begin
	if digits == 0 {
		return 0, 0, s.unexpected("a value")
	}
	if digits > 1 && s.data[begin] == '0' {
		s.at = begin + 1
		return 0, 0, s.unexpected("a number without leading zeros")
	}
	if s.peek() == '.' {
		s.at++
		point := s.at
		mantissa = s.run(mantissa)
		if s.at == point {
			return 0, 0, s.unexpected("a digit")
		}
		exponent = point - s.at
		digits -= exponent
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		e, f := s.exponent()
		if f != nil {
			return 0, 0, f
		}
		exponent += e
	}
	if digits > 18 {
		mantissa = 1 << 63
	}
	return mantissa, exponent, nil
}

// run passes digits and appends them to a mantissa, which overflows silently.
func (s *scanner) run(mantissa uint64) uint64 {
	data, i := s.data, s.at
	for ; i < len(data); i++ {
		c := data[i] - '0'
		if c > 9 {
			break
		}
		mantissa = mantissa*10 + uint64(c)
	}
	s.at = i
	return mantissa
}

func (s *scanner) exponent() (int, *fault) {
	s.at++
	sign := 1
	if c := s.peek(); c == '+' || c == '-' {
		if c == '-' {
			sign = -1
		}
		s.at++
	}
	start, e := s.at, 0
	for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
		e = min(e*10+int(c-'0'), 100_000)
		s.at++
	}
	if s.at == start {
		return 0, s.unexpected("a digit")
	}
	return sign * e, nil
}
