/** What Grafana's environment variables say, as far as the stand-in heeds them. */
export interface Settings {
  readonly port: number;
  /** Path that everything is served below, without a slash at its end; empty where it is served at the root. */
  readonly prefix: string;
  readonly rootUrl: string;
  readonly user: string;
  readonly password: string;
  readonly provisioning: string;
  /** Folders that Grafana writes to, and does not start without. */
  readonly writable: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings. As with Grafana, `NAME__FILE` names a file that holds the value of `NAME`. */
export function settingsFrom(environment: Environment, readText: (file: string) => string): Settings {
  const setting = (name: string, fallback: string): string => {
    const file = environment[`${name}__FILE`];
    if (file === undefined) return environment[name] ?? fallback;
    if (environment[name] !== undefined) throw new RangeError(`both ${name} and ${name}__FILE are set`);
    return readText(file).trim();
  };
  const port = Number(setting('GF_SERVER_HTTP_PORT', '3000'));
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new RangeError('GF_SERVER_HTTP_PORT is no port');
  const rootUrl = setting('GF_SERVER_ROOT_URL', '%(protocol)s://%(domain)s:%(http_port)s/');
  const data = setting('GF_PATHS_DATA', '/var/lib/grafana');
  const logsToFile = setting('GF_LOG_MODE', 'console file').split(' ').includes('file');
  return {
    port,
    prefix: setting('GF_SERVER_SERVE_FROM_SUB_PATH', 'false') === 'true' ? subPathOf(rootUrl) : '',
    rootUrl,
    user: setting('GF_SECURITY_ADMIN_USER', 'admin'),
    password: setting('GF_SECURITY_ADMIN_PASSWORD', 'admin'),
    provisioning: setting('GF_PATHS_PROVISIONING', '/etc/grafana/provisioning'),
    writable: logsToFile ? [data, setting('GF_PATHS_LOGS', '/var/log/grafana')] : [data],
  };
}

/** The path of a root URL, which may hold Grafana's placeholders instead of a host. */
function subPathOf(rootUrl: string): string {
  const path = /^[^/]+:\/\/[^/]+(\/[^?#]*)?$/.exec(rootUrl);
  if (path === null) throw new RangeError(`GF_SERVER_ROOT_URL ${rootUrl} is no URL`);
  return (path[1] ?? '').replace(/\/+$/, '');
}
