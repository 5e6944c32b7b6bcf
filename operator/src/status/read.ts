/** Small readers of live objects: what an API server sends is JSON, and a missing field is an ordinary case. */
import type { KubeObject } from '../kube/types.ts';

type Json = Record<string, unknown>;

/** The value below `path`, or undefined. */
export function at(value: unknown, ...path: string[]): unknown {
  let current = value;
  for (const step of path) {
    if (!isObject(current)) return undefined;
    current = current[step];
  }
  return current;
}

export function textAt(value: unknown, ...path: string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

export function numberAt(value: unknown, ...path: string[]): number {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : 0;
}

export function listAt(value: unknown, ...path: string[]): unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

export interface LiveCondition {
  status: string;
  reason: string;
  message: string;
  since: string;
}

/** The condition of that type in an object's status. */
export function liveCondition(value: unknown, type: string): LiveCondition | undefined {
  const found = listAt(value, 'status', 'conditions').find((entry) => textAt(entry, 'type') === type);
  return found === undefined
    ? undefined
    : {
        status: textAt(found, 'status') ?? 'Unknown',
        reason: textAt(found, 'reason') ?? '',
        message: textAt(found, 'message') ?? '',
        since: textAt(found, 'lastTransitionTime') ?? '',
      };
}

/** The controller of the object has seen its newest spec. */
export function isCurrent(object: KubeObject): boolean {
  return numberAt(object, 'status', 'observedGeneration') >= (object.metadata.generation ?? 0);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
