/** The levels that a line can have in the store. */
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
type Level = (typeof levels)[number];

/** What programs call their levels, in lower case, where it is not the level's own name. */
const synonyms: Readonly<Record<string, Level>> = {
  // PostgreSQL
  log: 'info',
  notice: 'info',
  warning: 'warn',
  panic: 'fatal',
  // RabbitMQ
  critical: 'fatal',
  alert: 'fatal',
  emergency: 'fatal',
  // Redis marks
  '.': 'debug',
  '-': 'debug',
  '*': 'info',
  '#': 'warn',
  // Grafana
  dbug: 'debug',
  eror: 'error',
  crit: 'fatal',
};

/** A line's level in the text that a component writes: the group `level` of an anchored pattern. */
const texts: readonly { components?: readonly string[]; pattern: string }[] = [
  // A JSON line that is not whole: pino writes the level first.
  { pattern: '^\\{"level":"(?P<level>[a-z]{1,12})"' },
  {
    components: ['postgres'],
    pattern:
      '^[0-9:. -]*(?:[A-Z]{1,5} )?(?:\\[[0-9]+\\] )?(?P<level>DEBUG|INFO|NOTICE|WARNING|ERROR|LOG|FATAL|PANIC)[1-5]?:  ',
  },
  {
    components: ['redis'],
    pattern: '^[0-9]{1,10}:[A-Z] [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:.]{1,20} (?P<level>[.*#-]) ',
  },
  { components: ['rabbitmq'], pattern: '^[0-9:. +-]{1,40} \\[(?P<level>[a-z]{1,12})\\] ' },
  {
    components: ['prometheus', 'loki', 'grafana'],
    pattern: '^(?:[^ "=]+=(?:[^ "]*|"[^"]*") )*level=(?P<level>[A-Za-z]{1,12})(?: |$)',
  },
];

const resource = (name: string) => `resource.attributes["${name}"]`;
const attribute = (name: string) => `log.attributes["${name}"]`;
const json = (name: string) => `log.cache["line"]["${name}"]`;
const quoted = (text: string) => JSON.stringify(text);
const anyOf = (path: string, values: readonly string[]) =>
  values.map((value) => `${path} == ${quoted(value)}`).join(' or ');

/** Whose component a pod is: its label, or its name where the pod is gone already. */
export const componentStatements: readonly string[] = [
  `set(${resource('component')}, ${resource('label.name')}) where ${resource('label.name')} != nil`,
  `set(${resource('component')}, ${resource('guess')}) where ${resource('component')} == nil and ${resource('guess')} != nil`,
  `set(${resource('component')}, "migrations") where ${resource('component')} == "migrate"`,
];

/** True for what must not be shipped: a known pod that is not the environment's, an unknown one that is not named like its pods. */
export const foreignConditions: readonly string[] = [
  `${resource('k8s.node.name')} != nil and ${resource('label.part-of')} != "collabeditor"`,
  `${resource('k8s.node.name')} != nil and ${resource('label.instance')} != ${resource('instance')}`,
  `${resource('component')} == nil`,
];

/** Reads level, traceId and event out of the line. The line itself is not changed. */
export const fieldStatements: readonly string[] = [
  `set(log.cache["line"], ParseJSON(log.body)) where IsString(log.body) and IsMatch(log.body, "^\\\\{")`,
  `set(${attribute('level')}, ${json('level')}) where IsString(${json('level')})`,
  ...texts.flatMap(textStatements),
  `set(${attribute('level')}, ConvertCase(${attribute('level')}, "lower")) where ${attribute('level')} != nil`,
  ...levels.flatMap(synonymStatement),
  `set(${attribute('level')}, "info") where ${attribute('level')} == nil or not (${anyOf(attribute('level'), levels)})`,
  // Only what has the form that the services give it: the rest of a hostile line stays in the line.
  takeStatement('traceId', '^[0-9a-f]{32}$'),
  takeStatement('event', '^[A-Za-z][A-Za-z0-9_.:-]{0,63}$'),
  `set(${attribute('container')}, ${resource('container')}) where ${resource('container')} != nil`,
];

/** Leaves the labels and fields that the store is told, and nothing else. */
export const onlyStatements: readonly string[] = [
  'set(log.time, log.observed_time) where log.time_unix_nano == 0',
  'set(log.observed_time_unix_nano, 0)',
  'keep_keys(log.attributes, ["level", "traceId", "event", "container"])',
];

/** The labels by which the store finds lines. */
export const labelStatements: readonly string[] = [
  'keep_keys(resource.attributes, ["namespace", "instance", "component", "pod"])',
];

function textStatements({ components, pattern }: (typeof texts)[number]): string[] {
  const who = components === undefined ? '' : ` and (${anyOf(resource('component'), components)})`;
  const open = `${attribute('level')} == nil and IsString(log.body) and IsMatch(log.body, ${quoted(pattern)})`;
  return [
    `set(log.cache["found"], ExtractPatterns(log.body, ${quoted(pattern)})) where ${open}${who}`,
    `set(${attribute('level')}, log.cache["found"]["level"]) where ${attribute('level')} == nil and log.cache["found"] != nil`,
  ];
}

function synonymStatement(level: Level): string[] {
  const names = Object.keys(synonyms).filter((name) => synonyms[name] === level);
  if (names.length === 0) return [];
  return [`set(${attribute('level')}, ${quoted(level)}) where ${anyOf(attribute('level'), names)}`];
}

function takeStatement(field: string, form: string): string {
  const path = json(field);
  return `set(${attribute(field)}, ${path}) where IsString(${path}) and IsMatch(${path}, ${quoted(form)})`;
}
