import { KubeClient } from '../kube/client.ts';
import { Credentials, readKubeconfig } from '../kube/credentials.ts';
import type { RequestObserver } from '../kube/transport.ts';
import { FIELD_MANAGER } from '../reconcile/plan.ts';
import { ConfigurationError } from './exit.ts';

/** A client and the namespace that the kubeconfig, or the pod's service account, is for. */
export interface Connected {
  client: KubeClient;
  namespace: string;
}

/** Connects as the kubeconfig says (`KUBECONFIG`, `~/.kube/config`), else as the pod's service account. */
export function connect(version: string, observe?: RequestObserver): Connected {
  try {
    const config = readKubeconfig();
    const credentials = new Credentials(config);
    const client = new KubeClient({
      credentials,
      userAgent: `collabeditor-operator/${version}`,
      fieldManager: FIELD_MANAGER,
      ...(observe !== undefined && { observe }),
    });
    const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
    return { client, namespace };
  } catch (error) {
    throw new ConfigurationError([`kubeconfig: ${error instanceof Error ? error.message : String(error)}`]);
  }
}
