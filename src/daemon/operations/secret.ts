import type { SecretService } from '../../core/services/container/secret.service.js';
import type { Handlers } from '../dispatch.js';

/** Secrets: set and removed, and never answered. */
export function secretHandlers(
  secrets: SecretService,
): Pick<Handlers, 'secrets.list' | 'secrets.set' | 'secrets.remove'> {
  return {
    'secrets.list': async (_, { subject }) => ({ secrets: await secrets.list(subject) }),
    'secrets.set': async ({ name, base64 }, { subject }, note) => {
      const secret = await secrets.set(name, Buffer.from(base64, 'base64'), subject);
      note({ object: { kind: 'secret', ref: secret.id } });
      return secret;
    },
    'secrets.remove': ({ secret }) => secrets.remove(secret),
  };
}
