import { canonicalJson, isObject } from '../kube/json.ts';
import type { KubeObject } from '../kube/types.ts';
import { quantityValue } from '../api/quantity.ts';

/** A field whose value is not the wanted one. Undefined: not there. */
export interface Difference {
  field: string;
  live: unknown;
  wanted: unknown;
}

const IDENTITY = new Set(['apiVersion', 'kind', 'status']);
const VOLATILE = new Set([
  'managedFields',
  'resourceVersion',
  'uid',
  'creationTimestamp',
  'generation',
  'annotations',
  'ownerReferences',
]);
const KEYS = ['name', 'containerPort', 'port', 'mountPath', 'topologyKey', 'key', 'ip'];

/** Fields of `wanted` that differ in `live`. What only `live` has belongs to others and is no difference. */
export function differences(wanted: KubeObject, live: KubeObject): Difference[] {
  const found: Difference[] = [];
  for (const [name, value] of Object.entries(wanted)) {
    if (IDENTITY.has(name)) continue;
    compare(name === 'metadata' && isObject(value) ? comparable(value) : value, live[name], name, found);
  }
  return found;
}

function comparable(metadata: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !VOLATILE.has(name)));
}

function compare(wanted: unknown, live: unknown, path: string, found: Difference[]): void {
  if (wanted === undefined || wanted === null) return;
  if (isObject(wanted) && isObject(live)) {
    for (const [name, value] of Object.entries(wanted)) compare(value, live[name], `${path}.${name}`, found);
  } else if (Array.isArray(wanted) && Array.isArray(live) && wanted.every(isObject)) {
    for (const [index, item] of wanted.entries())
      compare(item, sameItem(item, live, index), `${path}[${labelOf(item, index)}]`, found);
    if (live.length > wanted.length) found.push({ field: `${path}[]`, live: live.length, wanted: wanted.length });
  } else if (!isEqual(wanted, live)) {
    if (!(isObject(wanted) && Object.keys(wanted).length === 0 && live === undefined))
      found.push({ field: path, live, wanted });
  }
}

function sameItem(item: Record<string, unknown>, live: unknown[], index: number): unknown {
  const key = KEYS.find((name) => item[name] !== undefined);
  if (key === undefined) return live[index];
  return live.find((candidate) => isObject(candidate) && candidate[key] === item[key]);
}

function labelOf(item: Record<string, unknown>, index: number): string {
  const name = item['name'];
  return typeof name === 'string' ? name : String(index);
}

/** `0.1` and `100m` are one amount. */
function isEqual(wanted: unknown, live: unknown): boolean {
  if (canonicalJson(wanted) === canonicalJson(live)) return true;
  const [a, b] = [wanted, live].map((value) =>
    typeof value === 'string' || typeof value === 'number' ? quantityValue(value) : Number.NaN,
  );
  return a !== undefined && a === b;
}
