import Type, { type Static } from 'typebox';
import { Parse } from 'typebox/value';
import { substitute, type Names, type Source, type Times, type Values } from './substitute.ts';

/** A question that a dashboard asks of a data source, ready to be asked. */
export interface Query {
  /** The dashboard's uid. */
  readonly dashboard: string;
  readonly place: 'panel' | 'variable' | 'annotation';
  /** Title of the row in which a panel is; absent above the first row. */
  readonly row?: string;
  /** A panel's title, or the name of a variable or an annotation. */
  readonly title: string;
  readonly source: Source;
  readonly ask: Ask;
}

/**
 * How it is asked: over the range that is shown, at its end, or for the values of a label (of all series, or of those that
 * `match`).
 */
export type Ask =
  | { readonly kind: 'range'; readonly expr: string }
  | { readonly kind: 'instant'; readonly expr: string }
  | { readonly kind: 'labelValues'; readonly label: string; readonly match?: string };

/** Every query of a dashboard's panels, variables and annotations, with variables substituted as Grafana does it. */
export function queriesOf(dashboard: unknown, values: Values, times: Times): Query[] {
  const board = Parse(Board, dashboard);
  const names: Names = { variables: board.templating.list, values, times };
  return [
    ...board.templating.list.flatMap((variable) => ofVariable(board.uid, variable, names)),
    ...board.annotations.list.map((annotation) => ofAnnotation(board.uid, annotation, names)),
    ...panelsOf(board).flatMap(({ row, panel }) => ofPanel(board.uid, row, panel, names)),
  ];
}

/** Names of the metrics in a PromQL expression of ours: each is followed by its matchers, or stands alone in parentheses. */
export function metricsOf(expr: string): string[] {
  const found = expr
    .replaceAll(/"[^"]*"/g, '""')
    .matchAll(/\b([a-zA-Z_:][a-zA-Z0-9_:]*)(?=\{)|\(([a-z]+_[a-z0-9_:]+)\)(?! *\()/g);
  return [...new Set([...found].map(([, withMatchers, alone]) => withMatchers ?? alone ?? ''))].filter(
    (name) => name !== '',
  );
}

const Reference = Type.Object({ type: Type.Union([Type.Literal('prometheus'), Type.Literal('loki')]) });

const Target = Type.Object({
  datasource: Reference,
  expr: Type.String(),
  instant: Type.Optional(Type.Boolean()),
});

const Panel = Type.Object({
  type: Type.String(),
  title: Type.String(),
  targets: Type.Optional(Type.Array(Target)),
});

const RowOrPanel = Type.Intersect([Panel, Type.Object({ panels: Type.Optional(Type.Array(Panel)) })]);

const Variable = Type.Object({
  name: Type.String(),
  type: Type.String(),
  query: Type.Unknown(),
  datasource: Type.Optional(Reference),
  multi: Type.Optional(Type.Boolean()),
  includeAll: Type.Optional(Type.Boolean()),
  allValue: Type.Optional(Type.String()),
});

const Annotation = Type.Object({ name: Type.String(), datasource: Reference, expr: Type.String() });

const Board = Type.Object({
  uid: Type.String(),
  panels: Type.Array(RowOrPanel),
  templating: Type.Object({ list: Type.Array(Variable) }),
  annotations: Type.Object({ list: Type.Array(Annotation) }),
});

const VariableQuery = Type.Object({ query: Type.String() });

/** Panels of an open row follow it; those of a closed one are inside. */
function panelsOf({ panels }: Static<typeof Board>): { row: string | undefined; panel: Static<typeof Panel> }[] {
  let row: string | undefined;
  return panels.flatMap((panel) => {
    if (panel.type !== 'row') return [{ row, panel }];
    row = panel.title;
    return (panel.panels ?? []).map((inner) => ({ row, panel: inner }));
  });
}

function ofPanel(
  dashboard: string,
  row: string | undefined,
  { title, targets = [] }: Static<typeof Panel>,
  names: Names,
): Query[] {
  return targets.map(({ datasource, expr, instant = false }) => {
    const source = datasource.type;
    const ask: Ask = { kind: instant ? 'instant' : 'range', expr: substitute(expr, source, names) };
    return { dashboard, place: 'panel', ...(row !== undefined && { row }), title, source, ask };
  });
}

function ofAnnotation(dashboard: string, annotation: Static<typeof Annotation>, names: Names): Query {
  const { name: title, datasource, expr } = annotation;
  const source = datasource.type;
  return {
    dashboard,
    place: 'annotation',
    title,
    source,
    ask: { kind: 'range', expr: substitute(expr, source, names) },
  };
}

function ofVariable(dashboard: string, variable: Static<typeof Variable>, names: Names): Query[] {
  const { type, name: title, datasource } = variable;
  if (type !== 'query' || datasource === undefined) return [];
  const source = datasource.type;
  const { query } = Parse(VariableQuery, variable.query);
  return [{ dashboard, place: 'variable', title, source, ask: labelValues(substitute(query, source, names)) }];
}

/** `label_values(label)` or `label_values(selector, label)`. */
function labelValues(query: string): Ask {
  const [, match, label] = /^label_values\((?:(.+), *)?(\w+)\)$/.exec(query) ?? [];
  if (label === undefined) throw new Error(`Not a query for the values of a label: ${query}`);
  return { kind: 'labelValues', label, ...(match !== undefined && { match }) };
}
