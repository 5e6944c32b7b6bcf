import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { serverOf } from './server.ts';
import { settingsFrom } from './settings.ts';

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
}

describe('the server', () => {
  const source = createServer((request, response) => {
    response.writeHead(request.url?.endsWith('nothing') === true ? 404 : 200, { 'content-type': 'text/plain' });
    response.end(`source saw ${request.url ?? ''}`);
  });
  let server: Server;
  let url = '';
  const authorization = `Basic ${Buffer.from('admin:word').toString('base64')}`;
  const get = (path: string): Promise<Response> => fetch(`${url}/grafana${path}`, { headers: { authorization } });

  beforeAll(async () => {
    const environment = {
      GF_SERVER_ROOT_URL: 'http://host/grafana/',
      GF_SERVER_SERVE_FROM_SUB_PATH: 'true',
      GF_SECURITY_ADMIN_PASSWORD: 'word',
    };
    const gone = createServer();
    const closed = await listening(gone);
    gone.close();
    const at = { name: 'x', type: 'prometheus' };
    server = serverOf(settingsFrom(environment, String), {
      dataSources: [
        { ...at, uid: 'prometheus', url: `${await listening(source)}/base/` },
        { ...at, uid: 'gone', url: closed },
      ],
      dashboards: [{ uid: 'a', title: 'A', model: { uid: 'a', title: 'A', panels: [] } }],
    });
    url = await listening(server);
  });
  afterAll(() => {
    for (const one of [server, source]) one.close().closeAllConnections();
  });

  it('[CL35] leads what is not below its sub path there', async () => {
    const { status, headers } = await fetch(`${url}/api/health`, { redirect: 'manual' });
    expect([status, headers.get('location')]).toEqual([301, '/grafana/']);
    expect((await fetch(`${url}/grafana/`)).status).toBe(200);
  });

  it('[CL40] tells its health to everybody', async () => {
    const response = await fetch(`${url}/grafana/api/health`);
    expect([response.status, await response.json()]).toEqual([200, { database: 'ok', version: 'stand-in' }]);
  });

  it.each(['/api/search', '/api/datasources', '/api/datasources/proxy/uid/prometheus/x'])(
    '[CL40] refuses %s without the password',
    async (path) => {
      expect((await fetch(`${url}/grafana${path}`)).status).toBe(401);
      const wrong = `Basic ${Buffer.from('admin:wore').toString('base64')}`;
      expect((await fetch(`${url}/grafana${path}`, { headers: { authorization: wrong } })).status).toBe(401);
    },
  );

  it('[CL40] finds the dashboards', async () => {
    expect(await (await get('/api/search')).json()).toEqual([{ uid: 'a', title: 'A', type: 'dash-db' }]);
    expect(await (await get('/api/dashboards/uid/a')).json()).toMatchObject({ dashboard: { panels: [] } });
    expect((await get('/api/dashboards/uid/b')).status).toBe(404);
  });

  it('[CL41] passes a query on', async () => {
    const response = await get('/api/datasources/proxy/uid/prometheus/api/v1/query?query=up%7B%7D');
    expect([response.status, await response.text()]).toEqual([200, 'source saw /base/api/v1/query?query=up%7B%7D']);
    expect((await get('/api/datasources/proxy/uid/prometheus/nothing')).status).toBe(404);
    expect((await get('/api/datasources/proxy/uid/other/x')).status).toBe(404);
  });

  it('[CL41] tells that the data source cannot be reached', async () => {
    const response = await get('/api/datasources/proxy/uid/gone/x');
    expect([response.status, await response.text()]).toEqual([502, expect.stringContaining('ECONNREFUSED')]);
  });
});

describe('the program', () => {
  const start = (args: string[], environment: Record<string, string>): [number | null, string] => {
    const program = join(import.meta.dirname, 'main.ts');
    const { status, stdout } = spawnSync(process.execPath, [program, ...args], { env: environment, encoding: 'utf8' });
    return [status, stdout];
  };
  const writable = { GF_PATHS_DATA: tmpdir(), GF_LOG_MODE: 'console' };

  it('[CL36] ends with code 1 and names what is missing', () => {
    const environment = { ...writable, GF_PATHS_PROVISIONING: '/no/such' };
    const [status, said] = start(
      ['server', '--homepath=/usr/share/grafana', 'cfg:default.log.mode=console'],
      environment,
    );
    expect([status, said]).toEqual([1, expect.stringMatching(/level=error msg=".*\/no\/such\/datasources/)]);
  });

  it('[CL36] ends with code 1 where it may not write its data', () => {
    expect(start(['server'], { ...writable, GF_PATHS_DATA: '/no/such' })).toEqual([
      1,
      expect.stringMatching(/no\/such/),
    ]);
  });

  it('[CL35] knows no command but server', () => {
    expect(start(['cli'], writable)).toEqual([1, expect.stringMatching(/no command/)]);
    expect(start(['server', '--other'], writable)).toEqual([1, expect.stringMatching(/unknown option --other/)]);
  });
});
