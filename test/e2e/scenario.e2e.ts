/**
 * The scenario: one manifest stands up an environment on a real node, and people work in it through the Ingress.
 * The steps build on one another; SPEC.md lists what each of them proves.
 */
import { join } from 'node:path';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { build } from '../cluster/src/build.ts';
import { Author } from './author.ts';
import { applySpec, instance, name, namespace, ready, status } from './environment.ts';
import { deleteBinding, management, queueIsBack } from './healing.ts';
import { apply, get, kubectl, list, processesOf } from './kubernetes.ts';
import { Mailbox } from './mailbox.ts';
import { replay, type Acknowledged, type Edit } from './model.ts';
import { PlainSession } from './plain-session.ts';
import { createDocument, login, readContent, register, restClient, type Account } from './rest.ts';
import { Prometheus } from './prometheus.ts';
import { fit, twoAuthors } from './trace.ts';
import { playUndoCase, undoCases } from './undo.ts';
import { until } from './wait.ts';

const mailPort = 2525;
/** The broker's default vhost, as its management API spells it in a path. */
const vhost = '%2F';

jest.setTimeout(600_000);

let mailbox: Mailbox;
let baseUrl = '';
let ann: Account;
let bob: Account;
let cleo: Account;
let documentId = '';
const results: string[] = [];

afterAll(async () => {
  await mailbox[Symbol.asyncDispose]();
  console.log(['the scenario in figures', ...results].join('\n  '));
});

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

describe('one manifest', () => {
  it('[EE1] an empty spec becomes Ready through its stages', async () => {
    const start = performance.now();
    await applySpec({});
    const story = await ready();
    results.push(`kubectl apply to Ready, images loaded: ${seconds(start)}`);
    for (const stage of [
      'SecretsReady',
      'DatabaseReady',
      'CacheReady',
      'BrokerReady',
      'TopologyReady',
      'Migrated',
      'ServicesAvailable',
      'Exposed',
    ]) {
      expect(story.some((line) => line.startsWith(`${stage}=True`))).toBe(true);
    }
    expect(story.findIndex((line) => line.startsWith('DatabaseReady=True'))).toBeLessThan(
      story.findIndex((line) => line.startsWith('Migrated=True')),
    );
    expect(story.findIndex((line) => line.startsWith('Migrated=True'))).toBeLessThan(
      story.findIndex((line) => line.startsWith('ServicesAvailable=True')),
    );
  });

  it('[EE2] kubectl shows services, version and URL, and the pods pass the restricted standard', async () => {
    const table = await kubectl(['-n', namespace, 'get', 'collabeditors', '-o', 'wide']);
    results.push(...table.trimEnd().split('\n'));
    const [header = '', row = ''] = table.split('\n');
    expect(header.split(/\s+/).slice(0, 6)).toEqual(['NAME', 'READY', 'SERVICES', 'VERSION', 'URL', 'AGE']);
    expect(row).toMatch(/^team\s+True\s+4\/4\s+\d+\.\d+\.\d+\S*\s+http:\/\/\S+/);
    baseUrl = (await status()).url ?? '';
    const pods = await list(namespace, 'pods', instance);
    expect(pods.length).toBeGreaterThanOrEqual(7);
    const enforced = await kubectl([
      'get',
      'namespace',
      namespace,
      '-o',
      'jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}',
    ]);
    expect(enforced).toBe('restricted');
  });

  it('[EE18] says that without a mail server nobody can prove an address', async () => {
    const events = await kubectl(['-n', namespace, 'get', 'events', '-o', 'jsonpath={.items[*].reason}']);
    expect(events).toContain('AddressesNotVerified');
    const early = await register(restClient(baseUrl), 'early@example.com', 'early');
    expect(early.verified).toBe(true);
  });

  it('[EE3] a mail server given later is used', async () => {
    const host = new URL(baseUrl).hostname;
    mailbox = await Mailbox.listen(host, mailPort);
    const smtp = { name: 'team-smtp', namespace };
    await apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: smtp,
      stringData: { uri: `smtp://${host}:${mailPort}` },
    });
    const notification = { smtp: { secretName: 'team-smtp', from: 'CollabEditor <no-reply@example.com>' } };
    await applySpec({ services: { notification } });
    await ready();
    // A pod on its way out still answers, as it was told before: what follows is about the new ones.
    await until('the old pods to be gone', async () => {
      const pods = await list(namespace, 'pods', `${instance},app.kubernetes.io/component=service`);
      return pods.every(({ metadata }) => metadata.deletionTimestamp === undefined) ? true : undefined;
    });
  });
});

describe('people', () => {
  it('[EE4] two users register, log in and verify their addresses by the mailed link', async () => {
    const anonymous = restClient(baseUrl);
    for (const person of ['ann', 'bob']) {
      const fresh = await register(anonymous, `${person}@example.com`, person);
      expect(fresh.verified).toBe(false);
      const token = await mailbox.token(`${person}@example.com`, 'verify');
      const verified = await anonymous.call('POST', '/auth/verify', { token });
      expect(verified.status).toBe(200);
    }
    ann = await login(anonymous, 'ann@example.com', 'ann');
    bob = await login(anonymous, 'bob@example.com', 'bob');
    expect([ann.verified, bob.verified]).toEqual([true, true]);
  });

  it('[EE5] a document is shared with a user and with an address that has no account yet', async () => {
    documentId = await createDocument(ann, 'A trace');
    const shared = await ann.rest.call('POST', `/documents/${documentId}/share`, {
      email: 'bob@example.com',
      role: 'editor',
    });
    expect(shared.status).toBe(201);
    const invited = await ann.rest.call('POST', `/documents/${documentId}/share`, {
      email: 'cleo@example.com',
      role: 'viewer',
    });
    expect(invited.status).toBe(201);
    expect(invited.body).toMatchObject({ invitation: { email: 'cleo@example.com', role: 'viewer' } });

    const invitationToken = await mailbox.token('cleo@example.com', 'invitation');
    cleo = await register(restClient(baseUrl), 'cleo@example.com', 'cleo', { invitationToken });
    expect(cleo.verified).toBe(true);
    const documents = await cleo.rest.call('GET', '/documents');
    expect(documents.body).toMatchObject({ items: [{ id: documentId, role: 'viewer' }] });
  });

  it('[EE6] every mail came once', () => {
    results.push(`mails: ${mailbox.mails.length}`);
    expect(mailbox.repeated()).toEqual([]);
    const byAddress = (address: string): number => mailbox.mails.filter(({ to }) => to === address).length;
    // Bob: his verification and the note that a document was shared with him; Cleo proved her address by the invitation.
    expect({
      ann: byAddress('ann@example.com'),
      bob: byAddress('bob@example.com'),
      cleo: byAddress('cleo@example.com'),
    }).toEqual({ ann: 1, bob: 2, cleo: 1 });
  });
});

describe('two authors', () => {
  it('[EE7] 2,000 edits of a trace end in the same text everywhere', async () => {
    const { source, byAuthor } = twoAuthors(2_100);
    const options = { baseUrl, documentId };
    const authors = [
      await Author.join({ ...options, token: ann.token, clientId: 'ann-1', author: 'ann' }),
      await Author.join({ ...options, token: bob.token, clientId: 'bob-1', author: 'bob' }),
    ];
    const watcher = await PlainSession.open({ ...options, token: cleo.token, clientId: 'cleo-1' });
    const start = performance.now();
    await Promise.all(
      authors.map(async (author, index) => {
        for (const edit of byAuthor[index] ?? []) await author.type((text) => fit(edit, text));
      }),
    );
    const acknowledged = authors.flatMap((author) => author.acknowledged);
    const rejections = authors.reduce((sum, author) => sum + author.rejections, 0);
    results.push(
      `trace: ${source}; ${acknowledged.length} edits acknowledged, ${rejections} rejections, ${seconds(start)}`,
    );

    const model = replay('', 0, acknowledged);
    const stored = await readContent(ann, documentId);
    expect(stored).toEqual({ content: model.text, version: acknowledged.length });
    for (const session of [...authors.map((author) => author.session), watcher]) {
      await until('the session to reach the last version', async () =>
        session.version === stored.version ? true : undefined,
      );
      expect(session.text).toBe(model.text);
    }
    expect(model.survivors.get('ann')).toBeGreaterThan(0);
    expect(model.survivors.get('bob')).toBeGreaterThan(0);
    expect(acknowledged.length).toBeGreaterThanOrEqual(2_000);
    expect(rejections).toBeGreaterThanOrEqual(300);
    await Promise.all([...authors.map((author) => author.session.close()), watcher.close()]);
  });
});

describe('undo', () => {
  it.each(undoCases())('[EE8] $name', async (undoCase) => {
    const id = await createDocument(
      ann,
      `Undo: ${undoCase.name}`.slice(0, 300),
      undoCase.initial === '' ? undefined : undoCase.initial,
    );
    await ann.rest.call('POST', `/documents/${id}/share`, { email: 'bob@example.com', role: 'editor' });
    const text = await playUndoCase(undoCase, {
      A: { baseUrl, documentId: id, token: ann.token },
      B: { baseUrl, documentId: id, token: bob.token },
    });
    expect(text).toBe(undoCase.expected);
    expect((await readContent(ann, id)).content).toBe(undoCase.expected);
  });
});

describe('faults', () => {
  const kills = 20;

  it('[EE9] twenty kills of the realtime process lose and double no acknowledged edit', async () => {
    const killed = await createDocument(ann, 'Kills', '.');
    await ann.rest.call('POST', `/documents/${killed}/share`, { email: 'bob@example.com', role: 'editor' });
    const authors = await Promise.all(
      [ann, bob, ann, bob].map((account, index) =>
        Author.join({
          baseUrl,
          documentId: killed,
          token: account.token,
          clientId: `writer-${index}`,
          author: `w${index}`,
        }),
      ),
    );
    let stop = false;
    let typed = 0;
    const typing = authors.map(async (author, index) => {
      while (!stop) {
        typed += 1;
        const token = `<${index}:${typed}>`;
        await author.type((text): Edit => ({ type: 'insert', pos: text.length - 1, text: token }));
      }
    });
    let inFlight = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      const before = authors.map((author) => author.acknowledged.length);
      await until(
        'every author to have typed again',
        async () =>
          authors.every((author, index) => author.acknowledged.length > (before[index] ?? 0) + 3) ? true : undefined,
        120_000,
        20,
      );
      inFlight += await killRealtime(() => authors.filter((author) => author.inFlight).length);
    }
    stop = true;
    await Promise.all(typing);

    const acknowledged: Acknowledged[] = authors.flatMap((author) => author.acknowledged);
    const duplicates = authors.reduce((sum, author) => sum + author.duplicates, 0);
    const reconnects = authors.reduce((sum, author) => sum + author.reconnects, 0);
    results.push(
      `kills: ${kills}, edits in flight at a kill: ${inFlight}, reconnects: ${reconnects}, edits committed whose answer was lost: ${duplicates}, acknowledged: ${acknowledged.length}`,
    );
    expect(inFlight).toBeGreaterThanOrEqual(kills);
    const model = replay('.', 1, acknowledged);
    expect(await readContent(ann, killed)).toEqual({ content: model.text, version: acknowledged.length + 1 });
    for (const { edit } of acknowledged) if (edit.type === 'insert') expect(model.text.split(edit.text).length).toBe(2);
    await Promise.all(authors.map((author) => author.session.close()));
  });

  /** Kills the process as the kernel would, at a moment when edits are in flight; answers how many were. */
  async function killRealtime(inFlight: () => number): Promise<number> {
    const pod = (await list(namespace, 'pods', `${instance},app.kubernetes.io/name=realtime-service`)).find(
      (one) => one.metadata.deletionTimestamp === undefined,
    );
    const [pid] = processesOf(pod?.metadata.uid ?? 'none', 'dist/main.mjs');
    if (pod === undefined || pid === undefined) throw new Error('no realtime process to kill');
    const caught = await until('edits to be in flight', async () => inFlight() || undefined, 30_000, 1);
    process.kill(pid, 'SIGKILL');
    return caught;
  }

  it.each([
    ['deployment', 'team-document-service'],
    ['service', 'team-user-service'],
    ['ingress', 'team-ingress'],
    ['secret', 'team-document-service'],
  ])('[EE10] a deleted %s comes back', async (kind, child) => {
    const before = await get(namespace, kind, child);
    await kubectl(['-n', namespace, 'delete', kind, child, '--wait=false']);
    await until(`${kind}/${child} to come back`, async () => {
      const after = await get(namespace, kind, child);
      return after !== undefined && after.metadata.uid !== before?.metadata.uid ? true : undefined;
    });
    await ready();
  });

  it('[EE11] a foreign annotation stays, a changed field of ours is put right', async () => {
    const child = 'team-realtime-service';
    await kubectl(['-n', namespace, 'annotate', 'deployment', child, 'example.com/note=mine']);
    await kubectl([
      '-n',
      namespace,
      'patch',
      'service',
      child,
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/ports/0/port","value":8888}]',
    ]);
    await until('the port to be put right', async () => {
      const service = await get(namespace, 'service', child);
      return JSON.stringify(service?.spec).includes('"port":8080') && !JSON.stringify(service?.spec).includes('8888')
        ? true
        : undefined;
    });
    expect((await get(namespace, 'deployment', child))?.metadata.annotations).toMatchObject({
      'example.com/note': 'mine',
    });
  });

  it('[EE12] a binding and a queue that are deleted in the broker come back', async () => {
    const address = await kubectl([
      '-n',
      namespace,
      'get',
      'service',
      'team-rabbitmq',
      '-o',
      'jsonpath={.spec.clusterIP}',
    ]);
    const broker = await management(namespace, name, address);
    await deleteBinding(broker, vhost, 'notifications', 'mail.*');
    await queueIsBack(broker, vhost, 'notifications', ['user.*', 'mail.*']);
    await broker.call('DELETE', `/queues/${vhost}/documents`);
    await queueIsBack(broker, vhost, 'documents', ['user.verified', 'user.deleted', 'document.changed']);
    await ready();
  });
});

describe('telemetry', () => {
  it('[EE13] a real Prometheus, told by the pods, has scraped every metric with samples', async () => {
    const programs = (await build(['prometheus'], { quiet: true })).get('prometheus') ?? '';
    const program = join(programs, 'prometheus');
    const settings = { port: 9191, scrapeInterval: '2s' };
    await using prometheus = await Prometheus.start(program, requiredEnv('KUBECONFIG'), settings);
    // Some traffic after the last restart of every service, so that each has something to count.
    const id = await createDocument(ann, 'Measured');
    const author = await Author.join({
      baseUrl,
      documentId: id,
      token: ann.token,
      clientId: 'measured',
      author: 'ann',
    });
    const stale = await PlainSession.open({ baseUrl, documentId: id, token: ann.token, clientId: 'stale' });
    await author.type(() => ({ type: 'insert', pos: 0, text: 'measured' }));
    await stale.edit('late', { type: 'insert', pos: 0, text: 'x' }, 0);
    await ann.rest.call('POST', `/documents/${id}/share`, { email: 'dora@example.com', role: 'viewer' });
    await mailbox.token('dora@example.com', 'invitation');
    for (const expression of nonZero) {
      await until(
        `samples of ${expression}`,
        async () => ((await prometheus.query(expression)).some((value) => value > 0) ? true : undefined),
        60_000,
        500,
      );
    }
    for (const expression of present) {
      await until(
        `${expression} to be there`,
        async () => ((await prometheus.query(expression)).length > 0 ? true : undefined),
        60_000,
        500,
      );
    }
    results.push(
      `metrics scraped: ${nonZero.length} with samples that are not zero, ${present.length} that rest at zero`,
    );
    await Promise.all([author.session.close(), stale.close()]);
  });
});

/** What must have counted by now. */
const nonZero = [
  'http_request_duration_seconds_count{component="user-service"}',
  'http_request_duration_seconds_count{component="document-service"}',
  'http_request_duration_seconds_count{component="realtime-service"}',
  'collab_connections',
  'collab_open_documents',
  'collab_edits_total{result="accepted"}',
  'collab_commit_duration_seconds_count',
  'collab_commit_edits_count',
  'collab_edit_ack_duration_seconds_count',
  'collab_frames_sent_total',
  'collab_resyncs_total',
  'collab_notifications_total{result="sent"}',
  'process_cpu_seconds_total{component="notification-service"}',
  'nodejs_eventloop_lag_seconds{component="realtime-service"}',
  'controller_runtime_reconcile_total',
  'workqueue_adds_total',
  'rest_client_requests_total',
  `collabeditor_condition{name="${name}",type="Ready",status="True"}`,
];
/** What is zero when all is well. */
const present = ['collab_slow_clients_total', 'collab_outbox_pending', 'collab_outbox_oldest_seconds'];

describe('the end', () => {
  const claims = async (): Promise<string[]> =>
    (await list(namespace, 'persistentvolumeclaims', instance)).map(({ metadata }) => metadata.name).sort();
  const gone = async (kinds: string): Promise<true | undefined> =>
    (await list(namespace, kinds, instance)).length === 0 ? true : undefined;
  const workloads =
    'deployments,statefulsets,jobs,services,ingresses,pods,configmaps,poddisruptionbudgets,serviceaccounts';

  it('[EE14] deleting the resource keeps volumes with their credentials under Retain; applied again, it finds the old documents', async () => {
    const before = await readContent(ann, documentId);
    const volumes = await claims();
    expect(volumes.length).toBe(3);
    await kubectl(['-n', namespace, 'delete', 'collabeditor', name]);
    await until('all children to be gone', () => gone(workloads), 120_000);
    expect(await claims()).toEqual(volumes);
    const kept = (await list(namespace, 'secrets', instance)).map(({ metadata }) => metadata.name);
    expect(kept).toEqual(expect.arrayContaining(['team-postgres', 'team-redis', 'team-rabbitmq', 'team-seed']));

    await applySpec({});
    await ready();
    ann = await login(restClient(baseUrl), 'ann@example.com', 'ann');
    expect(await readContent(ann, documentId)).toEqual(before);
  });

  it('[EE15] with Delete nothing is left', async () => {
    await applySpec({ deletionPolicy: 'Delete' });
    await ready();
    await kubectl(['-n', namespace, 'delete', 'collabeditor', name]);
    await until('everything to be gone', () => gone(`${workloads},secrets,persistentvolumeclaims`), 120_000);
  });
});

function requiredEnv(variable: string): string {
  const value = process.env[variable];
  if (value === undefined) throw new Error(`${variable} is not set: run this by node scripts/e2e.ts`);
  return value;
}
