package registry

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// topology says how many servers there are and who knows the way to them.
type topology uint8

const (
	single topology = iota
	sentinel
	cluster
	embedded
)

// place is a registry URL taken apart.
type place struct {
	topology topology
	network  string   // tcp or unix; single only
	hosts    []string // host:port, or the socket's path
	master   string   // sentinel: the name of the master
	db       int
	tls      bool
	username string
	password string
}

// Ports that a URL may leave out.
const (
	redisPort    = "6379"
	sentinelPort = "26379"
)

const urlForms = "write redis://host:6379/0, rediss://host:6379/0, unix:///path/to/socket?db=0, " +
	"redis+sentinel://host1,host2/master, redis+cluster://host1,host2 or embedded://"

// parseURL reads a registry URL. Its errors never hold the URL's password.
func parseURL(text string) (place, error) {
	if text == "" {
		return place{}, errors.New("it is missing; " + urlForms)
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return place{}, errors.New("it has no scheme; " + urlForms)
	}
	rest, query, err := cutQuery(rest)
	if err != nil {
		return place{}, err
	}
	p := place{network: "tcp"}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 && scheme != "unix" {
		if p.username, p.password, err = userinfo(rest[:at]); err != nil {
			return place{}, err
		}
		rest = rest[at+1:]
	}
	switch scheme {
	case "redis", "rediss":
		p.tls = scheme == "rediss"
		return p.overTCP(rest, query)
	case "unix":
		return p.overSocket(rest, query)
	case "redis+sentinel", "rediss+sentinel":
		p.topology, p.tls = sentinel, strings.HasPrefix(scheme, "rediss")
		return p.bySentinel(rest, query)
	case "redis+cluster", "rediss+cluster":
		p.topology, p.tls = cluster, strings.HasPrefix(scheme, "rediss")
		return p.byCluster(rest, query)
	case "embedded":
		if rest != "" || len(query) > 0 {
			return place{}, errors.New("embedded:// takes nothing after it")
		}
		return place{topology: embedded}, nil
	}
	return place{}, fmt.Errorf("scheme %q is unknown; %s", scheme, urlForms)
}

func cutQuery(rest string) (string, url.Values, error) {
	rest, text, _ := strings.Cut(rest, "?")
	query, err := url.ParseQuery(text)
	if err != nil {
		return "", nil, errors.New("the part after ? cannot be read; only ?db=NUMBER is known")
	}
	for key := range query {
		if key != "db" {
			return "", nil, fmt.Errorf("parameter %q is unknown; only ?db=NUMBER is", key)
		}
	}
	return rest, query, nil
}

func userinfo(text string) (username, password string, err error) {
	username, password, _ = strings.Cut(text, ":")
	username, errUser := url.PathUnescape(username)
	password, errPassword := url.PathUnescape(password)
	if errUser != nil || errPassword != nil {
		return "", "", errors.New("user or password holds a broken %XX; write % as %25, or use registry.password_file")
	}
	return username, password, nil
}

func (p place) overTCP(rest string, query url.Values) (place, error) {
	host, db, _ := strings.Cut(rest, "/")
	var err error
	if p.hosts, err = hostList(host, redisPort); err != nil {
		return place{}, err
	}
	if len(p.hosts) != 1 {
		return place{}, errors.New("it names several hosts; for these write redis+sentinel:// or redis+cluster://")
	}
	return p.withDB(db, query)
}

func (p place) overSocket(rest string, query url.Values) (place, error) {
	if !filepath.IsAbs(rest) {
		return place{}, errors.New("the socket's path must be absolute: unix:///run/redis/redis.sock")
	}
	p.network, p.hosts = "unix", []string{rest}
	return p.withDB("", query)
}

func (p place) bySentinel(rest string, query url.Values) (place, error) {
	hosts, master, _ := strings.Cut(rest, "/")
	master, db, _ := strings.Cut(master, "/")
	if master == "" {
		return place{}, errors.New("the master's name is missing: redis+sentinel://host1,host2/mymaster")
	}
	var err error
	if p.hosts, err = hostList(hosts, sentinelPort); err != nil {
		return place{}, err
	}
	p.master = master
	return p.withDB(db, query)
}

func (p place) byCluster(rest string, query url.Values) (place, error) {
	var err error
	if p.hosts, err = hostList(strings.TrimSuffix(rest, "/"), redisPort); err != nil {
		return place{}, err
	}
	if p, err = p.withDB("", query); err == nil && p.db != 0 {
		return place{}, errors.New("a Redis Cluster has database 0 only")
	}
	return p, err
}

func hostList(text, port string) ([]string, error) {
	var hosts []string
	for h := range strings.SplitSeq(text, ",") {
		if h == "" {
			return nil, errors.New("a host is missing; " + urlForms)
		}
		host, givenPort, err := net.SplitHostPort(h)
		if err != nil && strings.HasPrefix(h, "[") == strings.Contains(h, ":") {
			host, givenPort = strings.TrimSuffix(strings.TrimPrefix(h, "["), "]"), port
		}
		if host == "" || strings.ContainsAny(host, "/@[] \t\r\n") || strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return nil, fmt.Errorf("%q is no host name or address; an IPv6 address goes in brackets: [2001:db8::1]:6379", h)
		}
		if n, err := strconv.ParseUint(givenPort, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("port %q is none; write host:port with 1 to 65535", givenPort)
		}
		hosts = append(hosts, net.JoinHostPort(host, givenPort))
	}
	return hosts, nil
}

func (p place) withDB(path string, query url.Values) (place, error) {
	text := path
	if text == "" {
		text = query.Get("db")
	}
	if text == "" {
		return p, nil
	}
	db, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return place{}, fmt.Errorf("database %q is none; write a number such as 0", text)
	}
	p.db = int(db)
	return p, nil
}

// String is the URL again, without user and password.
func (p place) String() string {
	scheme := "redis"
	if p.tls {
		scheme = "rediss"
	}
	hosts := strings.Join(p.hosts, ",")
	switch {
	case p.topology == embedded:
		return "embedded://"
	case p.topology == sentinel:
		return fmt.Sprintf("%s+sentinel://%s/%s/%d", scheme, hosts, p.master, p.db)
	case p.topology == cluster:
		return fmt.Sprintf("%s+cluster://%s", scheme, hosts)
	case p.network == "unix":
		return fmt.Sprintf("unix://%s?db=%d", hosts, p.db)
	}
	return fmt.Sprintf("%s://%s/%d", scheme, hosts, p.db)
}
