import { describe, expect, it } from 'vitest';

import { labelChange, labelsOf } from '../../../src/cli/labels.js';

describe('labels', () => {
  it('are split at the first equals sign', () => {
    expect(labelsOf(['a=b=c', 'gpu='])).toEqual({ a: 'b=c', gpu: '' });
  });

  it('are set by key=value and removed by key-', () => {
    expect(labelChange(['site=attic', 'spare-', 'range=1-'])).toEqual({
      labels: { site: 'attic', range: '1-' },
      removeLabels: ['spare'],
    });
    expect(labelChange([])).toEqual({});
  });

  it.each(['attic', '=x', ''])('are not written as %j', (text) => {
    expect(() => labelsOf([text])).toThrow(expect.objectContaining({ code: 'USAGE_INVALID' }));
  });

  it.each(['Bad Key=1', '-a=1', 'a-=1', `${'k'.repeat(64)}=1`])(
    'have no key such as that of %j',
    (text) => {
      expect(() => labelsOf([text])).toThrow(
        expect.objectContaining({
          code: 'USAGE_INVALID',
          message: expect.stringContaining('letters, digits'),
        }),
      );
    },
  );

  it('are not removed by a key that none can have', () => {
    expect(() => labelChange(['Bad Key-'])).toThrow(
      expect.objectContaining({ code: 'USAGE_INVALID' }),
    );
  });
});
