/** A CollabEditor and what it calls for, as plain data. */
import { parse } from '../src/api/parse.ts';
import { releaseFrom } from '../src/api/release.ts';
import type { CollabEditor } from '../src/api/types.ts';
import { noFacts } from '../src/resources/types.ts';
import type { DesiredInput, Facts } from '../src/resources/types.ts';

export const release = releaseFrom({}, '0.3.0');

export function sample(spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}): CollabEditor {
  return parse({
    apiVersion: 'collabeditor.dev/v1alpha1',
    kind: 'CollabEditor',
    metadata: { name: 'team', namespace: 'space', uid: 'b5f0', generation: 1, ...metadata },
    spec,
  });
}

export function sampleInput(spec: Record<string, unknown> = {}, facts: Partial<Facts> = {}): DesiredInput {
  return { resource: sample(spec), release, facts: { ...noFacts, ...facts } };
}

/** A cluster that has every kind that others bring along. */
export const everyKind: Facts['installed'] = {
  httpRoute: true,
  podMonitor: true,
  prometheusRule: true,
  grafanaDashboard: true,
  grafanaDatasource: true,
};

/** A spec that runs everything that can be Managed. */
export const allManaged = {
  observability: { metrics: { type: 'Managed' }, logs: 'Managed', dashboards: 'Managed' },
} as const;
