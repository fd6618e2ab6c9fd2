import { Type } from 'typebox';

const exact = { additionalProperties: false };
/** Without what a terminal obeys. */
const Word = Type.String({ maxLength: 128, pattern: String.raw`^[^\p{C}]*$` });
const word = Type.Optional(Word);
const count = (maximum: number) => Type.Optional(Type.Integer({ minimum: 0, maximum }));
const bytes = count(Number.MAX_SAFE_INTEGER);

/** What a machine is made of, as its agent tells; what it could not find out is absent. */
export const Hardware = Type.Object(
  {
    os: Type.Optional(Type.Object({ name: word, version: word, kernel: word, arch: word }, exact)),
    cpu: Type.Optional(
      Type.Object({ model: word, cores: count(65_536), threads: count(65_536) }, exact),
    ),
    memoryBytes: bytes,
    system: Type.Optional(Type.Object({ manufacturer: word, model: word }, exact)),
    firmware: Type.Optional(
      Type.Object(
        {
          kind: Type.Optional(Type.Union([Type.Literal('uefi'), Type.Literal('bios')])),
          vendor: word,
          version: word,
        },
        exact,
      ),
    ),
    virtualisation: word,
    disks: Type.Optional(
      Type.Array(Type.Object({ name: Word, model: word, kind: word, sizeBytes: bytes }, exact), {
        maxItems: 32,
      }),
    ),
    networks: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: Word,
            mac: word,
            addresses: Type.Optional(Type.Array(Word, { maxItems: 16 })),
            speedMbps: count(10_000_000),
          },
          exact,
        ),
        { maxItems: 32 },
      ),
    ),
    gpus: Type.Optional(
      Type.Array(Type.Object({ vendor: word, model: word, memoryBytes: bytes }, exact), {
        maxItems: 16,
      }),
    ),
  },
  exact,
);
