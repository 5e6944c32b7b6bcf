import { expect, it } from '@jest/globals';

import { settingsFrom } from './settings.ts';

const noFile = (file: string): string => {
  throw new Error(`${file} is read`);
};

it("[CL35] has Grafana's own defaults", () => {
  expect(settingsFrom({}, noFile)).toMatchObject({
    port: 3000,
    prefix: '',
    user: 'admin',
    provisioning: '/etc/grafana/provisioning',
    writable: ['/var/lib/grafana', '/var/log/grafana'],
  });
});

it('[CL35] writes no log file where the console is the only log', () => {
  expect(settingsFrom({ GF_LOG_MODE: 'console' }, noFile).writable).toEqual(['/var/lib/grafana']);
});

it.each([
  ['https://docs.example.com/grafana/', '/grafana'],
  ['https://docs.example.com/grafana', '/grafana'],
  ['%(protocol)s://%(domain)s/a/b/', '/a/b'],
  ['http://host:3000', ''],
])('[CL35] serves %s below %j', (rootUrl, prefix) => {
  const environment = { GF_SERVER_ROOT_URL: rootUrl, GF_SERVER_SERVE_FROM_SUB_PATH: 'true' };
  expect(settingsFrom(environment, noFile).prefix).toBe(prefix);
});

it('[CL35] takes a value from the file that a variable names', () => {
  const environment = { GF_SECURITY_ADMIN_PASSWORD__FILE: '/secret' };
  expect(settingsFrom(environment, () => 'word\n').password).toBe('word');
  expect(() => settingsFrom({ ...environment, GF_SECURITY_ADMIN_PASSWORD: 'x' }, () => 'word')).toThrow(/both/);
});

it.each([{ GF_SERVER_HTTP_PORT: 'x' }, { GF_SERVER_ROOT_URL: '/x', GF_SERVER_SERVE_FROM_SUB_PATH: 'true' }])(
  '[CL35] refuses %j',
  (environment) => {
    expect(() => settingsFrom(environment, noFile)).toThrow(RangeError);
  },
);
