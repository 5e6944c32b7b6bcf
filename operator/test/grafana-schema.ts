/**
 * Whether Grafana would take what we give it, by what Grafana's makers publish: the types of dashboards, panels and queries
 * (`grafana-types.ts`), the schemas of the grafana-operator's resources, and, since there is no schema of provisioning files,
 * their reference page.
 */
import { join } from 'node:path';
import {
  GrafanaDashboard,
  GrafanaDatasource,
} from '@kubernetes-models/grafana-operator/grafana.integreatly.org/v1beta1';
import { Ajv, type ValidateFunction } from 'ajv';
import { createGenerator, type SchemaGenerator } from 'ts-json-schema-generator';
import Type, { type TSchema } from 'typebox';
import { Errors } from 'typebox/value';

/** What is wrong with a dashboard; nothing, if it is empty. */
export function problemsOfDashboard(json: unknown): string[] {
  const { annotations, ...rest } = Object(json) as Partial<DashboardJson>;
  const problems = check('Dashboard', rest);
  if (problems.length > 0) return problems;
  return [
    ...(annotations?.list ?? []).flatMap((annotation) => check('Annotation', annotation)),
    ...panelsIn(rest.panels ?? []).flatMap((panel) =>
      problemsOfPanel(panel).map((problem) => `${panel.title}: ${problem}`),
    ),
  ];
}

/** What is wrong with a file of `provisioning/datasources`. */
export function problemsOfDatasourcesFile(content: unknown): string[] {
  return errors(DatasourcesFile, content);
}

/** What is wrong with a file of `provisioning/dashboards`. */
export function problemsOfProvidersFile(content: unknown): string[] {
  return errors(ProvidersFile, content);
}

/** What is wrong with a resource of the grafana-operator. */
export function problemsOfResource(manifest: { readonly kind: string; readonly spec: unknown }): string[] {
  try {
    // What the rest of it has to be is what validate() knows.
    if (manifest.kind === GrafanaDashboard.kind) new GrafanaDashboard(manifest as never).validate();
    else if (manifest.kind === GrafanaDatasource.kind) new GrafanaDatasource(manifest as never).validate();
    else return [`kind ${manifest.kind} is none of the grafana-operator's`];
    return [];
  } catch (error) {
    return [String(error)];
  }
}

interface DashboardJson {
  readonly annotations: { readonly list: readonly unknown[] };
  readonly panels: readonly (PanelJson & { readonly panels?: readonly PanelJson[] })[];
}

interface PanelJson {
  readonly type: string;
  readonly title: string;
  readonly options: unknown;
  readonly fieldConfig: { readonly defaults: { readonly custom?: unknown } };
  readonly targets: readonly { readonly datasource: { readonly type: string } }[];
}

const looks: Readonly<Record<string, { options: string; custom?: string }>> = {
  heatmap: { options: 'HeatmapOptions', custom: 'HeatmapCustom' },
  logs: { options: 'LogsOptions' },
  stat: { options: 'StatOptions' },
  'state-timeline': { options: 'StateTimelineOptions', custom: 'StateTimelineCustom' },
  table: { options: 'TableOptions', custom: 'TableCustom' },
  timeseries: { options: 'TimeSeriesOptions', custom: 'TimeSeriesCustom' },
};

const queries: Readonly<Record<string, string>> = { prometheus: 'PrometheusQuery', loki: 'LokiQuery' };

function problemsOfPanel({ type, options, fieldConfig, targets }: PanelJson): string[] {
  const look = looks[type];
  if (look === undefined) return [`panels of type ${type} are not known`];
  return [
    ...check(look.options, options),
    ...(look.custom === undefined ? [] : check(look.custom, fieldConfig.defaults.custom ?? {})),
    ...targets.flatMap((target) => check(queries[target.datasource.type] ?? 'none', target)),
  ];
}

function panelsIn(panels: DashboardJson['panels']): PanelJson[] {
  return panels.flatMap((panel) => (panel.type === 'row' ? (panel.panels ?? []) : [panel]));
}

let generator: SchemaGenerator | undefined;
const validators = new Map<string, ValidateFunction>();

function check(type: string, value: unknown): string[] {
  const validate = validators.get(type) ?? compile(type);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${type}${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
  );
}

function compile(type: string): ValidateFunction {
  generator ??= createGenerator({
    path: join(import.meta.dirname, 'grafana-types.ts'),
    tsconfig: join(import.meta.dirname, '../../tsconfig.json'),
    skipTypeCheck: true,
  });
  // Descriptions in the types have keywords that are no JSON schema.
  const ajv = new Ajv({ allErrors: true, strict: false, allowUnionTypes: true });
  const validate = ajv.compile(Object.fromEntries(Object.entries(generator.createSchema(`Grafana${type}`))));
  validators.set(type, validate);
  return validate;
}

function errors(schema: TSchema, value: unknown): string[] {
  return Errors(schema, value).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

const closed = { additionalProperties: false };
const optional = {
  string: Type.Optional(Type.String()),
  boolean: Type.Optional(Type.Boolean()),
  integer: Type.Optional(Type.Integer()),
};
const uid = Type.Optional(Type.String({ pattern: '^[a-zA-Z0-9_-]{1,40}$' }));

const Datasource = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    type: Type.String({ minLength: 1 }),
    access: Type.Optional(Type.Enum(['proxy', 'direct'])),
    uid,
    url: optional.string,
    orgId: optional.integer,
    user: optional.string,
    database: optional.string,
    basicAuth: optional.boolean,
    basicAuthUser: optional.string,
    withCredentials: optional.boolean,
    isDefault: optional.boolean,
    jsonData: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    secureJsonData: Type.Optional(Type.Record(Type.String(), Type.String())),
    version: optional.integer,
    editable: optional.boolean,
  },
  closed,
);

const DatasourcesFile = Type.Object(
  {
    apiVersion: Type.Literal(1),
    datasources: Type.Array(Datasource),
    deleteDatasources: Type.Optional(Type.Array(Type.Object({ name: Type.String(), orgId: optional.integer }, closed))),
    prune: optional.boolean,
  },
  closed,
);

const Provider = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    type: Type.Optional(Type.Literal('file')),
    orgId: optional.integer,
    folder: optional.string,
    folderUid: uid,
    disableDeletion: optional.boolean,
    updateIntervalSeconds: optional.integer,
    allowUiUpdates: optional.boolean,
    options: Type.Object({ path: Type.String({ pattern: '^/' }), foldersFromFilesStructure: optional.boolean }, closed),
  },
  closed,
);

const ProvidersFile = Type.Object({ apiVersion: Type.Literal(1), providers: Type.Array(Provider) }, closed);
