package health

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// largestScrape bounds what is taken from one process.
const largestScrape = 8 << 20

// Metrics merges expositions in Prometheus' text form: families of the same name become one, each sample with a label
// that names its process.
type Metrics struct {
	families map[string]*family
}

type family struct {
	help, kind string
	samples    []string
}

// NewMetrics returns an empty set.
func NewMetrics() *Metrics { return &Metrics{families: map[string]*family{}} }

// Add adds one sample of a gauge or counter of this process. labels are pairs of name and value.
func (m *Metrics) Add(name, kind, help string, value float64, labels ...string) {
	f := m.family(name)
	f.help, f.kind = help, kind
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+"="+strconv.Quote(labels[i+1]))
	}
	f.samples = append(f.samples, fmt.Sprintf("%s{%s} %s", name, strings.Join(pairs, ","), strconv.FormatFloat(value, 'g', -1, 64)))
}

func (m *Metrics) family(name string) *family {
	f := m.families[name]
	if f == nil {
		f = &family{}
		m.families[name] = f
	}
	return f
}

// Read takes a process's exposition.
func (m *Metrics) Read(process string, r io.Reader) error {
	lines := bufio.NewScanner(io.LimitReader(r, largestScrape))
	lines.Buffer(nil, 1<<20)
	current := ""
	for lines.Scan() {
		line := lines.Text()
		if words := strings.SplitN(line, " ", 4); len(words) == 4 && words[0] == "#" {
			switch current = words[2]; words[1] {
			case "HELP":
				m.family(current).help = words[3]
			case "TYPE":
				m.family(current).kind = words[3]
			}
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		m.sample(current, process, line)
	}
	return lines.Err()
}

// sample files a line under its family: the current one, whose name it begins with (a histogram's samples have endings).
func (m *Metrics) sample(current, process, line string) {
	end := strings.IndexAny(line, "{ ")
	if end < 0 {
		return
	}
	name, rest := line[:end], line[end:]
	label := `process="` + process + `"`
	if body, ok := strings.CutPrefix(rest, "{}"); ok {
		rest = "{" + label + "}" + body
	} else if body, ok := strings.CutPrefix(rest, "{"); ok {
		rest = "{" + label + "," + body
	} else {
		rest = "{" + label + "}" + rest
	}
	if current == "" || !strings.HasPrefix(name, current) {
		current = name
	}
	f := m.family(current)
	f.samples = append(f.samples, name+rest)
}

// Write writes the families by name.
func (m *Metrics) Write(w io.Writer) {
	names := make([]string, 0, len(m.families))
	for name := range m.families {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := m.families[name]
		if len(f.samples) == 0 {
			continue
		}
		if f.help != "" {
			_, _ = fmt.Fprintf(w, "# HELP %s %s\n", name, f.help)
		}
		if f.kind != "" {
			_, _ = fmt.Fprintf(w, "# TYPE %s %s\n", name, f.kind)
		}
		for _, sample := range f.samples {
			_, _ = fmt.Fprintln(w, sample)
		}
	}
}

// metrics scrapes the processes at the same time; one that does not answer is told as down.
func (t Tree) metrics(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), scrapeWithin)
	defer cancel()
	sources := t.Sources()
	texts := make([]string, len(sources))
	errs := make([]error, len(sources))
	var wg sync.WaitGroup
	for i, s := range sources {
		wg.Go(func() { texts[i], errs[i] = scrape(ctx, s.URL) })
	}
	wg.Wait()
	m := NewMetrics()
	for i, s := range sources {
		up := 1.0
		if errs[i] != nil || m.Read(s.Process, strings.NewReader(texts[i])) != nil {
			up = 0
		}
		m.Add("millwright_scrape_up", "gauge", "Whether the process told its metrics.", up, "process", s.Process)
	}
	t.Own(ctx, m)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	m.Write(w)
}

func scrape(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, largestScrape))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, res.Status)
	}
	return string(text), err
}
