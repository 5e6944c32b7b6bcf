import { createHash } from 'node:crypto';
import { serviceNames, type ServiceName } from '../../api/types.ts';
import { canonicalJson, isObject, listAt, textAt } from '../../kube/json.ts';
import { bindings, EXCHANGE, permissions, policies, queues } from '../topology.ts';
import { Management, ManagementError } from './management.ts';
import type { Check } from '../../status/observed.ts';
import { failed, ok, type Account, type BrokerRequest } from './ports.ts';

/** Users and permissions of the services. */
export async function setUpBroker(request: BrokerRequest): Promise<Check> {
  return withManagement(request, async (management) => {
    if (request.accounts !== undefined) {
      const inUse = await claim(management, request, request.accounts);
      if (inUse !== undefined) return failed('StoreInUse', inUse);
      await makeUsers(management, request.accounts);
      await makePermissions(management, request.virtualHost, request.accounts);
    }
    return ok(request.accounts === undefined, 'RabbitMQ user');
  });
}

/** Exchange, queues, bindings and policies. What somebody deleted comes back; what somebody added stays. */
export async function setUpTopology(request: BrokerRequest): Promise<Check> {
  return withManagement(request, async (management) => {
    const { virtualHost } = request;
    const found = await management.get('definitions', virtualHost);
    const wrong = await makeExchange(management, virtualHost, found);
    wrong.push(...(await makeQueues(management, virtualHost, found)));
    // A policy has to be there before the first message of its queue.
    await makePolicies(management, virtualHost, found);
    await makeBindings(management, virtualHost, found);
    if (wrong.length === 0) return { state: 'ok' };
    return failed('TopologyConflict', `The broker has ${wrong.join(', ')} with other arguments; delete it there.`);
  });
}

/** Takes away what was made, whatever is in the queues. */
export async function dropBroker(request: BrokerRequest): Promise<Check> {
  return withManagement(request, async (management) => {
    const { virtualHost, accounts } = request;
    if (accounts !== undefined && (await claim(management, request, accounts)) !== undefined) return { state: 'ok' };
    for (const { name } of queues) await management.remove('queues', virtualHost, name);
    for (const { name } of policies) await management.remove('policies', virtualHost, name);
    await management.remove('exchanges', virtualHost, EXCHANGE);
    if (accounts === undefined) return { state: 'ok' };
    for (const service of serviceNames) await management.remove('users', accounts[service].user);
    for (const { name } of marksOf(virtualHost, accounts)) await management.remove('global-parameters', name);
    return { state: 'ok' };
  });
}

async function makeUsers(management: Management, accounts: Record<ServiceName, Account>): Promise<void> {
  const known = listAt(await management.get('users'));
  for (const service of serviceNames) {
    const { user, password } = accounts[service];
    const entry = known.find((candidate) => textAt(candidate, 'name') === user);
    if (entry === undefined || !hasPassword(entry, password)) {
      await management.put(['users', user], { password, tags: '' });
    }
  }
}

async function makePermissions(
  management: Management,
  virtualHost: string,
  accounts: Record<ServiceName, Account>,
): Promise<void> {
  const known = listAt(await management.get('vhosts', virtualHost, 'permissions'));
  for (const service of serviceNames) {
    const { user } = accounts[service];
    const entry = known.find((candidate) => textAt(candidate, 'user') === user);
    const wanted = permissions[service];
    const same = (['configure', 'write', 'read'] as const).every((right) => textAt(entry, right) === wanted[right]);
    if (!same) await management.put(['permissions', virtualHost, user], wanted);
  }
}

/** The broker keeps base64(salt of 4 bytes + SHA-256(salt + password)), so a changed password shows without a write. */
function hasPassword(user: unknown, password: string): boolean {
  const stored = Buffer.from(textAt(user, 'password_hash') ?? '', 'base64');
  if (stored.length !== 36 || textAt(user, 'hashing_algorithm') !== 'rabbit_password_hashing_sha256') return false;
  const salt = stored.subarray(0, 4);
  return createHash('sha256').update(salt).update(password).digest().equals(stored.subarray(4));
}

/**
 * Marks the virtual host and the users, which are the whole broker's, as this environment's. Says what is another's already.
 * Only an administrator may write such marks, so with shared credentials there are none.
 */
async function claim(
  management: Management,
  { virtualHost, owner }: BrokerRequest,
  accounts: Record<ServiceName, Account>,
): Promise<string | undefined> {
  const marks = marksOf(virtualHost, accounts);
  const known = listAt(await management.get('global-parameters'));
  const ownerOf = (name: string) =>
    textAt(
      known.find((parameter) => textAt(parameter, 'name') === name),
      'value',
    );
  for (const { name, title } of marks) {
    const found = ownerOf(name);
    if (found !== undefined && found !== owner) return `The ${title} belongs to the environment ${found} already.`;
  }
  for (const { name } of marks) {
    if (ownerOf(name) === undefined) await management.put(['global-parameters', name], { name, value: owner });
  }
  return undefined;
}

function marksOf(virtualHost: string, accounts: Record<ServiceName, Account>): { name: string; title: string }[] {
  return [
    { name: `collabeditor-vhost:${virtualHost}`, title: `virtual host ${virtualHost}` },
    ...serviceNames.map((service) => {
      const { user } = accounts[service];
      return { name: `collabeditor-user:${user}`, title: `RabbitMQ user ${user}` };
    }),
  ];
}

async function makeExchange(management: Management, virtualHost: string, found: unknown): Promise<string[]> {
  const known = named(found, 'exchanges', EXCHANGE);
  if (known === undefined) {
    await management.put(['exchanges', virtualHost, EXCHANGE], {
      type: 'topic',
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: {},
    });
    return [];
  }
  return textAt(known, 'type') === 'topic' ? [] : [`exchange ${EXCHANGE}`];
}

async function makeQueues(management: Management, virtualHost: string, found: unknown): Promise<string[]> {
  const wrong: string[] = [];
  for (const queue of queues) {
    const known = named(found, 'queues', queue.name);
    if (known === undefined) {
      await management.put(['queues', virtualHost, queue.name], {
        durable: true,
        auto_delete: false,
        arguments: queue.arguments,
      });
    } else if (Object.entries(queue.arguments).some(([key, value]) => textAt(known, 'arguments', key) !== value)) {
      wrong.push(`queue ${queue.name}`);
    }
  }
  return wrong;
}

async function makePolicies(management: Management, virtualHost: string, found: unknown): Promise<void> {
  for (const { name, pattern, priority, definition } of policies) {
    const known = named(found, 'policies', name);
    const wanted = { pattern, definition, priority, 'apply-to': 'queues' };
    if (
      isObject(known) &&
      Object.entries(wanted).every(([key, value]) => canonicalJson(known[key]) === canonicalJson(value))
    )
      continue;
    await management.put(['policies', virtualHost, name], wanted);
  }
}

async function makeBindings(management: Management, virtualHost: string, found: unknown): Promise<void> {
  for (const { queue, routingKey } of bindings) {
    const known = listAt(found, 'bindings').some(
      (binding) =>
        textAt(binding, 'source') === EXCHANGE &&
        textAt(binding, 'destination_type') === 'queue' &&
        textAt(binding, 'destination') === queue &&
        textAt(binding, 'routing_key') === routingKey,
    );
    if (!known)
      await management.post(['bindings', virtualHost, 'e', EXCHANGE, 'q', queue], {
        routing_key: routingKey,
        arguments: {},
      });
  }
}

function named(definitions: unknown, kind: string, name: string): unknown {
  return listAt(definitions, kind).find((entry) => textAt(entry, 'name') === name);
}

async function withManagement(
  request: BrokerRequest,
  work: (management: Management) => Promise<Check>,
): Promise<Check> {
  await using management = new Management(request.managementUri, request.ca);
  try {
    return await work(management);
  } catch (error) {
    return brokerProblem(error);
  }
}

function brokerProblem(error: unknown): Check {
  if (!(error instanceof ManagementError)) throw error;
  if (error.status === 401 || error.status === 403) {
    return failed('AuthenticationFailed', "RabbitMQ's management API refused the administrator's credentials.");
  }
  if (error.status === 0)
    return failed('Unreachable', `RabbitMQ's management API can't be reached (${error.message}).`);
  return failed('BrokerRefused', `RabbitMQ's management API answered ${error.status} to ${error.message}.`);
}
