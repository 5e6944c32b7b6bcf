import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { HttpOptions } from '@collabeditor/kit';

type WebApp = Parameters<NonNullable<HttpOptions['extra']>>[0];

const paths = ['/', '/verify', '/invitation', '/reset'];

/** Serves the web page. Its policy names the hashes of its own script and style, so nothing that gets into it can run. */
export function mountPage(app: WebApp, file: URL): void {
  const html = readFileSync(file, 'utf8');
  const headers = {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': contentSecurityPolicy(html),
    'Cache-Control': 'no-cache',
    // The address can hold a mailed token.
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
  };
  app.get(paths, (_request, response) => void response.set(headers).send(html));
}

export function contentSecurityPolicy(html: string): string {
  const hashes = (element: string): string =>
    [...html.matchAll(new RegExp(`<${element}[^>]*>([\\s\\S]*?)</${element}>`, 'g'))]
      .map(([, source = '']) => `'sha256-${createHash('sha256').update(source).digest('base64')}'`)
      .join(' ');
  return [
    `default-src 'none'`,
    `script-src ${hashes('script')}`,
    `style-src ${hashes('style')}`,
    `img-src data:`,
    `connect-src 'self'`,
    `form-action 'none'`,
    `base-uri 'none'`,
    `frame-ancestors 'none'`,
  ].join('; ');
}
