import { createHash } from 'node:crypto';
import { canonicalJson, isObject, type JsonObject } from './json.ts';
import type { KubeObject, ManagedFieldsEntry } from './types.ts';

/**
 * Which fields of an object are ours, from `metadata.managedFields`. The server takes a field away from its manager
 * when another one changes or removes it, so "every field that we want is still ours" means that nobody changed them,
 * whatever the server made of their values (`0.1` stored as `100m`).
 */

/** Fields that name the object, not its content: they are never owned. */
const IDENTITY = new Set(['apiVersion', 'kind', 'status']);
const IDENTITY_OF_METADATA = new Set(['name', 'namespace', 'uid', 'resourceVersion']);

/** The fields that a manager owns by server-side apply; undefined where it never applied the object. */
function ownedFields(object: KubeObject, manager: string): JsonObject | undefined {
  return object.metadata.managedFields?.find((entry) => isApplied(entry, manager))?.fieldsV1;
}

/**
 * Paths of the fields of `desired` that are not (or no longer) ours in `live`, such as `spec.template.spec.containers[name=user].image`;
 * `*` when no field is.
 */
export function lostFields(desired: KubeObject, live: KubeObject, manager: string): string[] {
  const owned = ownedFields(live, manager);
  if (owned === undefined) return ['*'];
  const lost: string[] = [];
  for (const [name, value] of Object.entries(desired)) {
    if (IDENTITY.has(name)) continue;
    const wanted = name === 'metadata' && isObject(value) ? withoutIdentity(value) : value;
    collectLost(wanted, owned[`f:${name}`], name, lost);
  }
  return lost;
}

/** Hash of what an object is to be; the same for every order of its fields. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16);
}

function isApplied(entry: ManagedFieldsEntry, manager: string): boolean {
  return entry.manager === manager && entry.operation === 'Apply' && (entry.subresource ?? '') === '';
}

function withoutIdentity(metadata: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !IDENTITY_OF_METADATA.has(name)));
}

function collectLost(desired: unknown, owned: unknown, path: string, lost: string[]): void {
  if (desired === undefined || desired === null) return;
  if (!isObject(owned)) {
    // A field is told by its last part: a parent of which nothing is left is not in the set of owned fields.
    if (isObject(desired))
      for (const [name, value] of Object.entries(desired)) collectLost(value, undefined, `${path}.${name}`, lost);
    else lost.push(path);
    return;
  }
  // An owned leaf: a scalar, or a list or map that is owned as a whole.
  if (Object.keys(owned).length === 0) return;
  if (Array.isArray(desired)) collectLostItems(desired, owned, path, lost);
  else if (isObject(desired)) {
    for (const [name, value] of Object.entries(desired))
      collectLost(value, owned[`f:${name}`], `${path}.${name}`, lost);
  }
}

function collectLostItems(desired: unknown[], owned: JsonObject, path: string, lost: string[]): void {
  for (const item of desired) {
    if (isObject(item)) {
      const [label, fields] = ownedItem(item, owned);
      if (fields === undefined) lost.push(`${path}${label}`);
      // Also right for an item without fields of its own: it is owned as a whole.
      else collectLost(item, fields, `${path}${label}`, lost);
    } else if (owned[`v:${JSON.stringify(item)}`] === undefined) {
      lost.push(`${path}[${JSON.stringify(item)}]`);
    }
  }
}

/** The entry of a keyed list that is this item. A key may hold fields that the server set by default. */
function ownedItem(item: JsonObject, owned: JsonObject): [string, JsonObject | undefined] {
  let best: { label: string; fields: JsonObject; matches: number } | undefined;
  for (const [name, fields] of Object.entries(owned)) {
    if (!name.startsWith('k:') || !isObject(fields)) continue;
    const key: unknown = JSON.parse(name.slice(2));
    if (!isObject(key)) continue;
    const parts = Object.entries(key);
    if (!parts.every(([part, value]) => item[part] === undefined || item[part] === value)) continue;
    const matches = parts.filter(([part]) => item[part] !== undefined).length;
    const label = `[${parts.map(([part, value]) => `${part}=${String(value)}`).join(',')}]`;
    if (best === undefined || matches > best.matches) best = { label, fields, matches };
  }
  if (best !== undefined && best.matches > 0) return [best.label, best.fields];
  const name = item['name'];
  return [typeof name === 'string' ? `[name=${name}]` : '[]', undefined];
}
