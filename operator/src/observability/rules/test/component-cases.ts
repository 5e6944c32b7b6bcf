import { type Case, critical, warning } from './case.ts';
import { environment, healthy, pods, request, services } from './healthy.ts';
import { counter, gauge, here, ofPod, type Segment, type Series } from './series.ts';

const up = (component: string, pod = 'a'): string => ofPod('up', component, {}, pod);

/** The same for each replica of some services. */
function each(components: readonly string[], of: (component: string, pod: string) => Series): Series {
  const all = components.flatMap((component) => pods.map((pod) => of(component, pod)));
  return all.reduce((together, one) => ({ ...together, ...one }), {});
}

const isUp = (component: string, ...segments: readonly Segment[]): Series =>
  each([component], (_, pod) => ({ [up(component, pod)]: gauge(...segments) }));

/** What is left of `from` when the environment is deleted after so many minutes. */
function deletedAfter(minutes: number, of: number): Series {
  const all = Object.entries(healthy(of));
  const before = healthy(minutes);
  const isItsOwn = (name: string): boolean => name.includes(`namespace="${here.namespace}"`);
  return Object.fromEntries(
    all.map(([name, values]) => [name, isItsOwn(name) ? `${before[name] ?? ''} stale` : values]),
  );
}

const serviceDown = (component: string) => critical('CollabServiceDown', { ...here, component });

const serviceCases: readonly Case[] = [
  {
    name: 'service: its pods answer no scrape',
    series: { ...healthy(20), ...isUp('document-service', [5, 1], [5, 0], [10, 1]) },
    firing: { 5.5: [], 7: [serviceDown('document-service')], 9.5: [serviceDown('document-service')], 10.5: [] },
  },
  {
    name: 'service: its pods are gone, for hours',
    series: { ...healthy(160), ...isUp('realtime-service', [5, 1], [140, null], [15, 1]) },
    firing: { 5.5: [], 7: [serviceDown('realtime-service')], 144: [serviceDown('realtime-service')], 145.5: [] },
  },
  {
    name: 'service: it never came up',
    series: { ...healthy(10), ...isUp('user-service', [10, 0]) },
    firing: { 0.5: [], 2: [serviceDown('user-service')] },
  },
  {
    name: 'service: it is away for 45 seconds',
    near: ['CollabServiceDown/critical'],
    series: { ...healthy(20), ...isUp('document-service', [5, 1], [0.75, 0], [14.25, 1]) },
    firing: { 5.5: [], 6: [], 6.5: [], 8: [] },
  },
  {
    name: 'service: one of its replicas is away',
    series: { ...healthy(20), [up('document-service')]: gauge([5, 1], [10, null], [5, 1]) },
    firing: { 7: [], 14: [] },
  },
];

function seenBy(components: readonly string[], store: string, ...segments: readonly Segment[]): Series {
  return each(components, (component, pod) => ({
    [ofPod('collab_store_up', component, { store }, pod)]: gauge(...segments),
  }));
}

const withRedis = services.filter((service) => service !== 'notification-service');
const away: readonly Segment[] = [
  [5, 1],
  [5, 0],
  [10, 1],
];

const storeCases: readonly Case[] = [
  {
    name: 'store: PostgreSQL is away',
    series: { ...healthy(20), ...seenBy(services, 'postgres', ...away) },
    firing: { 5.5: [], 7: [critical('CollabStoreDown', { ...here, store: 'postgres' })], 10.5: [] },
  },
  ...['redis', 'rabbitmq'].map((store): Case => ({
    name: `store: ${store} is away`,
    series: { ...healthy(20), ...seenBy(store === 'redis' ? withRedis : services, store, ...away) },
    firing: { 5.5: [], 7: [warning('CollabStoreDown', { ...here, store })], 10.5: [] },
  })),
  {
    name: 'store: one service alone has lost PostgreSQL',
    series: { ...healthy(20), ...seenBy(['user-service'], 'postgres', ...away) },
    firing: { 5.5: [], 7: [critical('CollabStoreDown', { ...here, store: 'postgres' })], 10.5: [] },
  },
  {
    name: 'store: all stores are away for 45 seconds',
    near: ['CollabStoreDown/critical', 'CollabStoreDown/warning'],
    series: ['postgres', 'redis', 'rabbitmq'].reduce(
      (all, store) => ({ ...all, ...seenBy(services, store, [5, 1], [0.75, 0], [14.25, 1]) }),
      healthy(20),
    ),
    firing: { 5.5: [], 6: [], 6.5: [], 8: [] },
  },
  {
    name: 'store: one replica has lost PostgreSQL and Redis',
    series: {
      ...healthy(20),
      [ofPod('collab_store_up', 'realtime-service', { store: 'postgres' }, 'b')]: gauge(...away),
      [ofPod('collab_store_up', 'realtime-service', { store: 'redis' }, 'b')]: gauge(...away),
    },
    firing: { 7: [], 9: [] },
  },
];

const flat = (minutes: number): string => `7x${minutes * 4 - 1}`;

/** Nothing fires here, however odd it looks. */
const quietCases: readonly Case[] = [
  { name: 'all is well', series: healthy(60), firing: { 0: [], 1: [], 5: [], 15: [], 30: [], 59: [] } },
  {
    name: 'nobody is there: every counter stands still',
    series: Object.fromEntries(
      Object.entries(healthy(60)).map(([name, values]) => [
        name,
        name.includes('namespace="docs"') && values.includes('+') ? flat(60) : values,
      ]),
    ),
    firing: { 5: [], 30: [], 59: [] },
  },
  {
    name: 'all pods are replaced: targets vanish, others come, counters begin at 0',
    series: { ...replaced(environment(20), 20), ...operatorAlone(40) },
    firing: { 19: [], 20.5: [], 21: [], 22: [], 24: [], 30: [], 39: [] },
  },
  {
    name: 'processes start again in their pods: counters fall to 0',
    series: Object.fromEntries(
      Object.entries(healthy(40)).map(([name, values]) => [
        name,
        values.includes('+') ? `${healthy(20)[name] ?? ''} ${healthy(20)[name] ?? ''}` : values,
      ]),
    ),
    firing: { 19: [], 20.5: [], 21: [], 22: [], 24: [], 39: [] },
  },
  {
    name: 'stores are external and there is no SMTP server',
    series: Object.fromEntries(
      Object.entries(healthy(60)).filter(
        ([name]) => !/rabbitmq_|collab_postgres_volume|store="smtp"|result="(sent|retried|dead)"/.test(name),
      ),
    ),
    firing: { 5: [], 30: [], 59: [] },
  },
  {
    name: 'an environment without a single request or edit yet: series of errors do not exist',
    series: Object.fromEntries(
      Object.entries(healthy(30)).filter(([name]) => !/http_request|collab_edits_total/.test(name)),
    ),
    firing: { 5: [], 15: [], 29: [] },
  },
  {
    name: 'an environment is deleted',
    series: deletedAfter(20, 60),
    firing: { 19: [], 21: [], 24: [], 40: [], 59: [] },
  },
  {
    name: 'scanners ask for what is not there, and clients send nonsense',
    series: {
      ...healthy(30),
      [request('document-service', 'unmatched', '404')]: counter([30, 600]),
      [request('document-service', '/documents/{id}', '422', 'a', 'PUT')]: counter([30, 600]),
    },
    firing: { 5: [], 15: [], 29: [] },
  },
  {
    name: 'calls between services fail: only what users see counts',
    series: {
      ...healthy(30),
      [request('document-service', '/internal/documents/{id}/role', '503')]: counter([30, 60]),
    },
    firing: { 5: [], 15: [], 29: [] },
  },
];

/** Half of it until `minutes`, then the same by pods of other names. */
function replaced(series: Series, minutes: number): Series {
  return Object.fromEntries(
    Object.entries(series).flatMap(([name, values]) => [
      [name, `${values} stale`],
      [name.replace(/(pod="[^"]*)"/, '$1-new"'), `_x${minutes * 4 - 1} ${values}`],
    ]),
  );
}

function operatorAlone(minutes: number): Series {
  const of = environment(minutes);
  return Object.fromEntries(Object.entries(healthy(minutes)).filter(([name]) => !(name in of)));
}

export const componentCases: readonly Case[] = [...serviceCases, ...storeCases, ...quietCases];
