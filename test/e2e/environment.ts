/** The resource as the scenario sees it: its status, and when it is ready to be used. */
import { apply, get } from './kubernetes.ts';
import { restClient } from './rest.ts';
import { until } from './wait.ts';

export const namespace = 'scenario';
export const name = 'team';
/** Label of everything that belongs to the environment. */
export const instance = `app.kubernetes.io/instance=${name}`;

interface Status {
  readonly observedGeneration?: number;
  readonly url?: string;
  readonly servicesReady?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

/** Applies the resource with this spec. */
export async function applySpec(spec: unknown): Promise<void> {
  await apply({ apiVersion: 'collabeditor.dev/v1alpha1', kind: 'CollabEditor', metadata: { name, namespace }, spec });
}

export async function status(): Promise<Status & { generation: number }> {
  const object = await get(namespace, 'collabeditor', name);
  const generation = (object?.metadata as { generation?: number } | undefined)?.generation ?? 0;
  return { generation, ...(object?.status as Status | undefined) };
}

/** Waits until the resource is Ready at its newest generation; answers every condition change seen on the way. */
export async function ready(): Promise<string[]> {
  const seen = new Map<string, string>();
  const story: string[] = [];
  await until(
    `${name} to be Ready`,
    async () => {
      const { observedGeneration, generation, conditions = [] } = await status();
      for (const { type, status: value, reason } of conditions) {
        if (seen.get(type) !== value) story.push(`${type}=${value} ${reason}`);
        seen.set(type, value);
      }
      const settled =
        observedGeneration === generation && seen.get('Ready') === 'True' && seen.get('Progressing') !== 'True';
      if (!settled)
        throw new Error(
          conditions
            .filter((one) => one.status !== 'True')
            .map((one) => `${one.type}: ${one.message}`)
            .join('; '),
        );
      return true;
    },
    300_000,
  );
  await frontDoor((await status()).url ?? '');
  return story;
}

/** The Ingress controller learns of new endpoints a moment later than the operator; until then it knows no such path. */
async function frontDoor(url: string): Promise<void> {
  const anonymous = restClient(url);
  for (const [path, expected] of Object.entries({
    '/auth/me': 401,
    '/documents': 401,
    '/ws/doc/none': 426,
    '/': 200,
  })) {
    await until(`${path} to be answered by its service`, async () => {
      const answer = await anonymous.call('GET', path);
      if (answer.status !== expected) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
      return true;
    });
  }
}
