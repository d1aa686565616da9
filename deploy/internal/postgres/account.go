package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account returns whom the server runs as: nil for this process's own user, or, since Postgres refuses to run as root,
// an account of the machine without privileges.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is the answer: no change of user
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(found.Uid, 10, 32)
		gid, errG := strconv.ParseUint(found.Gid, 10, 32)
		if errU == nil && errG == nil && uid != 0 {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("postgres does not run as root, and this machine has no account `postgres` or `nobody` to run it as: create one, or run as another user")
}

// checkReach explains a data directory that the server's account could not get to.
func checkReach(dir string, who *syscall.Credential) error {
	closed, err := closedParent(dir, who)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", dir, err)
	}
	if closed != "" {
		return fmt.Errorf("data directory %s lies under %s, which is closed to the account that Postgres runs as when `up` runs as root (uid %d): choose another with --data, or `chmod o+x %s`",
			filepath.Dir(dir), closed, who.Uid, closed)
	}
	return nil
}

// checkBinaries explains binaries, such as those of a checkout in root's home, that the server's account could not run.
func checkBinaries(dir string, who *syscall.Credential) error {
	closed, err := closedParent(filepath.Join(dir, "postgres"), who)
	if err != nil {
		return fmt.Errorf("postgres in %s: %w", dir, err)
	}
	if closed != "" {
		return fmt.Errorf("postgres in %s lies under %s, which is closed to the account that Postgres runs as when `up` runs as root (uid %d): install Postgres, name another by --postgres-bin, or `chmod o+x %s`",
			dir, closed, who.Uid, closed)
	}
	return nil
}

// closedParent is the first folder above path that who may not pass through, or "".
func closedParent(path string, who *syscall.Credential) (string, error) {
	if who == nil {
		return "", nil
	}
	for parent := filepath.Dir(path); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return "", err
		}
		if !searchable(info, who) {
			return parent, nil
		}
		if parent == filepath.Dir(parent) {
			return "", nil
		}
	}
}

func searchable(info fs.FileInfo, who *syscall.Credential) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case ok && owner.Uid == who.Uid:
		return mode&0o100 != 0
	case ok && owner.Gid == who.Gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
