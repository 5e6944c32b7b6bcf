/* eslint-disable @typescript-eslint/no-deprecated --
   The classic model is the one that every Grafana imports, the sidecar and the grafana-operator included;
   its successor needs Grafana 12 and a switch. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  RowBuilder,
  type Dashboard,
  type Panel,
  type RowPanel,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { prometheus } from './targets.ts';

/** A dashboard in the classic model. */
export type Board = Dashboard;

/** What a dashboard is made of. */
export interface BoardPlan {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Builder<VariableModel>[];
  /** PromQL whose values are the Unix times at which processes started. */
  readonly starts: string;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly title: string;
  /** Closed until somebody opens it; its queries aren't asked before. */
  readonly collapsed?: boolean;
  readonly panels: readonly Builder<Panel>[];
}

/** Marks the dashboards that belong together; their links to each other go by it. */
const tag = 'collabeditor';

export function board(plan: BoardPlan): Board {
  const builder = new DashboardBuilder(plan.title)
    .uid(plan.uid)
    .description(plan.description)
    .tags([tag])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .editable()
    .link(inPlainSight(linksToOthers()))
    .annotation(inPlainSight(starts(plan.starts)))
    .variables(plan.variables.map(withoutIntervals));
  for (const row of plan.rows) addRow(builder, row);
  return numbered(builder.build());
}

function addRow(builder: DashboardBuilder, { title, collapsed = false, panels }: Row): void {
  const row = new RowBuilder(title).collapsed(collapsed);
  if (collapsed) {
    for (const panel of panels) row.withPanel(panel);
    builder.withRow(row);
    return;
  }
  builder.withRow(row);
  for (const panel of panels) builder.withPanel(panel);
}

function linksToOthers(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('CollabEditor')
    .type(DashboardLinkType.Dashboards)
    .tags([tag])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true)
    .icon('external link')
    .tooltip('The other dashboards, of the same environment and time');
}

/** Rollouts and restarts, both of which start processes, as marks in every panel. */
function starts(expr: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name('Processes started')
    .datasource(prometheus)
    .enable(true)
    .iconColor('blue')
    .expr(expr)
    .step('60s')
    .useValueForTime(true)
    .titleFormat('{{component}} started')
    .textFormat('{{pod}}');
}

/** The library would put it into a menu. */
function inPlainSight<T extends { placement?: unknown }>(builder: Builder<T>): Builder<T> {
  return {
    build: () => {
      const built = builder.build();
      delete built.placement;
      return built;
    },
  };
}

/** The library gives every variable what only a variable of intervals has. */
function withoutIntervals(variable: Builder<VariableModel>): Builder<VariableModel> {
  return {
    build: () => {
      const built = variable.build();
      delete built.auto;
      delete built.auto_min;
      delete built.auto_count;
      return built;
    },
  };
}

/** Panels are known by number; numbers follow from the places, so that files stay the same while the source does. */
function numbered(dashboard: Dashboard): Dashboard {
  let next = 1;
  const number = (panel: Panel | RowPanel): void => {
    panel.id = next++;
    if ('panels' in panel) panel.panels.forEach(number);
  };
  dashboard.panels?.forEach(number);
  return dashboard;
}
