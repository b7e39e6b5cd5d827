// Command local-path-helper makes or removes the folder of one volume on a node.
// local-path-provisioner runs it in a pod with `-p PATH -s BYTES -m MODE -a create|delete`.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	path := flag.String("p", "", "folder of the volume")
	flag.String("s", "", "size in bytes; a folder cannot enforce it")
	flag.String("m", "", "volume mode; block volumes never get here")
	action := flag.String("a", "", "create or delete")
	flag.Parse()
	if err := perform(*action, *path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func perform(action, path string) error {
	if !filepath.IsAbs(path) || filepath.Dir(path) == "/" {
		return fmt.Errorf("path is %q; expected an absolute path at least two folders deep", path)
	}
	switch action {
	case "create":
		if err := os.MkdirAll(path, 0o777); err != nil {
			return err
		}
		return os.Chmod(path, 0o777) // any user of any pod may own the data; the umask would not let it
	case "delete":
		return os.RemoveAll(path)
	}
	return fmt.Errorf("action is %q; expected create or delete", action)
}
