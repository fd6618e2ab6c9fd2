import type { UsbService } from '../../core/services/usb/usb.service.js';
import type { Handlers } from '../dispatch.js';

/** The drives of this host. */
export function usbHandlers(usb: UsbService): Pick<Handlers, 'drives.list'> {
  return {
    'drives.list': async ({ all = false }) => {
      const entries = await usb.list({ all });
      return {
        drives: entries.map(({ drive, refusal }) =>
          refusal ? { ...drive, refusal: { code: refusal.code, message: refusal.message } } : drive,
        ),
      };
    },
  };
}
