import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  CustomVariableBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { prometheus } from './targets.ts';

type Variable = Builder<VariableModel>;

/** Which environment is looked at, and where its metrics and logs are. */
export function environmentVariables(): Variable[] {
  return [
    metricsSource(),
    logsSource(),
    oneOf('namespace', 'Namespace', 'label_values(collab_store_up, namespace)'),
    oneOf('environment', 'Environment', 'label_values(collab_store_up{namespace="$namespace"}, environment)'),
  ];
}

export function metricsSource(): Variable {
  return new DatasourceVariableBuilder('datasource')
    .label('Metrics')
    .type('prometheus')
    .current({ selected: true, text: 'Prometheus', value: 'prometheus' });
}

function logsSource(): Variable {
  return new DatasourceVariableBuilder('logs')
    .label('Logs')
    .type('loki')
    .current({ selected: true, text: 'Loki', value: 'loki' });
}

/** One value out of those that a query answers. */
export function oneOf(name: string, label: string, query: string): Variable {
  return valuesOf(name, label, query);
}

/** Any of the values that a query answers; all of them at first. */
export function anyOf(name: string, label: string, query: string): Variable {
  return valuesOf(name, label, query)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}

/** Levels of the log lines that are shown; a line without a level is always shown. */
export function levels(): Variable {
  const shown = ['warn', 'error', 'fatal'];
  return new CustomVariableBuilder('level')
    .label('Log level')
    .values('trace,debug,info,warn,error,fatal')
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: shown, value: shown });
}

function valuesOf(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(prometheus)
    .query({ query, refId: 'StandardVariableQuery' })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}
