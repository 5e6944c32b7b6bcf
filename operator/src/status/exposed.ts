import { publicUrl } from '../resources/exposure.ts';
import { ingressName, routeName } from '../resources/names.ts';
import type { Observed } from './observed.ts';
import { listAt, liveCondition, textAt } from './read.ts';
import { no, waiting, yes } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** Exposed: an Ingress controller or a Gateway has taken the environment on. */
export function exposed(observed: Observed): Verdict {
  const { exposure } = observed.resource.spec;
  switch (exposure.type) {
    case 'None':
      return yes('NotWanted', 'spec.exposure.type is None: the environment is reached inside the cluster only.');
    case 'Ingress':
      return withoutCertificate(observed) ?? byIngress(observed);
    case 'Gateway':
      return byGateway(observed);
  }
}

/** Browsers refuse what has no certificate in force. */
function withoutCertificate({ certificate }: Observed): Verdict | null {
  if (certificate === null || certificate.state === 'valid') return null;
  const name = `Secret ${certificate.secret}, named by spec.exposure.ingress.tlsSecretName,`;
  switch (certificate.state) {
    case 'missing':
      return no('SecretMissing', `${name} does not exist.`);
    case 'malformed':
      return no('CertificateInvalid', `${name} holds no certificate in tls.crt.`);
    case 'expired':
      return no('CertificateExpired', `${name} holds a certificate that has run out.`);
  }
}

function byIngress({ resource, facts, children }: Observed): Verdict {
  const name = ingressName(resource);
  if (!children.has(`Ingress/${name}`)) return waiting(`Ingress ${name} is not there yet.`);
  if (facts.address === null) {
    const { className } = resource.spec.exposure.ingress;
    const which = className === undefined ? 'the default IngressClass' : `IngressClass ${className}`;
    return no('NoAddress', `Ingress ${name} has no address: the controller of ${which} has not taken it on.`);
  }
  return yes('Ready', `The environment is at ${publicUrl(resource.spec, facts) ?? ''}.`);
}

function byGateway({ resource, facts, children }: Observed): Verdict {
  const name = routeName(resource);
  if (!facts.installed.httpRoute) {
    return no(
      'GatewayAPIMissing',
      'The cluster has no HTTPRoute (gateway.networking.k8s.io); install the Gateway API or use type Ingress.',
    );
  }
  const live = children.get(`HTTPRoute/${name}`);
  if (live === undefined) return waiting(`HTTPRoute ${name} is not there yet.`);
  const parents = listAt(live, 'status', 'parents');
  if (parents.length === 0)
    return no('NoGateway', `HTTPRoute ${name} has been taken on by no Gateway; see spec.exposure.gateway.parentRefs.`);
  for (const parent of parents) {
    for (const type of ['Accepted', 'ResolvedRefs']) {
      const condition = liveCondition({ status: parent }, type);
      if (condition?.status !== 'True') {
        const gateway = textAt(parent, 'parentRef', 'name') ?? '';
        return no(
          'RouteNotAccepted',
          `HTTPRoute ${name} is not served by Gateway ${gateway}: ${condition?.message ?? 'no answer yet'}.`,
        );
      }
    }
  }
  const url = publicUrl(resource.spec, facts);
  // This release reads no Gateway, so it knows no address of one.
  return url === null
    ? no('HostNeeded', 'With type Gateway the URL is not known without spec.exposure.host.')
    : yes('Ready', `The environment is at ${url}.`);
}
