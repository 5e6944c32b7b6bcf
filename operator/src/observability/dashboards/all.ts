import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

const prometheus = { type: 'prometheus', uid: '${datasource}' };

function small(uid: string, title: string, panel: string, expr: string): Dashboard {
  return new DashboardBuilder(title)
    .uid(uid)
    .tags(['collabeditor'])
    .withVariable(new DatasourceVariableBuilder('datasource').type('prometheus'))
    .withVariable(
      new QueryVariableBuilder('namespace').datasource(prometheus).query('label_values(collab_store_up, namespace)'),
    )
    .withPanel(
      new PanelBuilder().title(panel).datasource(prometheus).withTarget(new DataqueryBuilder().expr(expr).refId('A')),
    )
    .build();
}

export function all(): Dashboard[] {
  return [
    small(
      'collabeditor-overview',
      'CollabEditor / Environment',
      'Stores',
      'min by (store) (collab_store_up{namespace="$namespace"})',
    ),
    small(
      'collabeditor-realtime',
      'CollabEditor / Realtime engine',
      'Connections',
      'sum(collab_connections{namespace="$namespace"})',
    ),
    small(
      'collabeditor-events',
      'CollabEditor / Events and mail',
      'Outbox',
      'sum(collab_outbox_pending{namespace="$namespace"})',
    ),
    small(
      'collabeditor-stores',
      'CollabEditor / Data stores',
      'Stores',
      'min by (store) (collab_store_up{namespace="$namespace"})',
    ),
    small(
      'collabeditor-operator',
      'CollabEditor / Operator',
      'Reconciles',
      'sum by (result) (rate(controller_runtime_reconcile_total[$__rate_interval]))',
    ),
  ];
}
