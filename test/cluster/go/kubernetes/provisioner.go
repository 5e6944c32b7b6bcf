package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const provisionerName = "collabeditor.test/folder"

// runProvisioner makes a folder of the node for each claim of the storage class and removes it with its volume.
// Where the class says `bounded`, the folder is a file system of the size that was claimed.
//
// The volumes are of the kind `local`, not `hostPath`: the kubelet then sets their group as it does with a disk of
// a cloud, so that a pod without fsGroup fails here as it would there.
func runProvisioner() int {
	var (
		kubeconfig = flag.String("kubeconfig", "", "kubeconfig file")
		folder     = flag.String("folder", "", "folder that holds the volumes")
		node       = flag.String("node", "", "name of the node")
	)
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return fail("kubeconfig", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fail("client", err)
	}
	ctx := context.Background()
	provisioner := folderProvisioner{folder: *folder, node: *node}
	controller.NewProvisionController(ctx, client, provisionerName, provisioner, controller.LeaderElection(false)).Run(ctx)
	return 1
}

type folderProvisioner struct {
	folder string
	node   string
}

func (p folderProvisioner) Provision(
	_ context.Context, options controller.ProvisionOptions,
) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	path := filepath.Join(p.folder, options.PVName)
	size := options.PVC.Spec.Resources.Requests[v1.ResourceStorage]
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if options.StorageClass.Parameters["bounded"] == "true" {
		if err := mountImage(path, size.Value()); err != nil {
			return nil, controller.ProvisioningFinished, errors.Join(err, removeVolume(path))
		}
	}
	volume := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: size},
			PersistentVolumeSource:        v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: path}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchExpressions: []v1.NodeSelectorRequirement{{
					Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{p.node},
				}},
			}}}},
		},
	}
	return volume, controller.ProvisioningFinished, nil
}

func (p folderProvisioner) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	return removeVolume(filepath.Join(p.folder, volume.Name))
}
