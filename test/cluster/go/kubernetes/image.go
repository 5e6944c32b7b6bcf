package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// imageSuffix tells the file that holds a volume's file system from the folder that it is mounted over. The node's
// first process knows it too: after a restart it mounts the images before any pod can run.
const imageSuffix = ".ext4"

// mountImage makes a file system of a size in a file beside the folder and mounts it over the folder.
//
// It is no tmpfs: that is charged to the memory of the pod that fills it, and the pod would be killed before its
// volume is full.
func mountImage(folder string, size int64) error {
	image := folder + imageSuffix
	// Under its final name a file is always a whole file system.
	unfinished := folder + ".unfinished"
	file, err := os.Create(unfinished)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Truncate(size), file.Close()); err != nil {
		return err
	}
	// No block is reserved and there is no journal, for both would take from what was claimed.
	if err := execute("mkfs.ext4", "-q", "-F", "-m", "0", "-i", "16384", "-O", "^has_journal", unfinished); err != nil {
		return err
	}
	if err := os.Rename(unfinished, image); err != nil {
		return err
	}
	if err := execute("mount", "-o", "loop", image, folder); err != nil {
		return err
	}
	// A data store takes its volume for used when it finds anything in it.
	return os.Remove(filepath.Join(folder, "lost+found"))
}

// removeVolume removes the folder, and the file system in it where it has one of its own.
func removeVolume(folder string) error {
	image := folder + imageSuffix
	if _, err := os.Stat(image); err == nil {
		if mounted, err := isMountPoint(folder); err != nil {
			return err
		} else if mounted {
			if err := execute("umount", folder); err != nil {
				return err
			}
		}
		if err := os.Remove(image); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(os.RemoveAll(folder+".unfinished"), os.RemoveAll(folder))
}

func isMountPoint(folder string) (bool, error) {
	err := exec.Command("mountpoint", "--quiet", folder).Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return false, nil
	}
	return err == nil, err
}

func execute(program string, args ...string) error {
	if said, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, said)
	}
	return nil
}
