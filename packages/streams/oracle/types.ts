import {
  bytesSerde,
  doubleSerde,
  int32Serde,
  longSerde,
  stringSerde,
  type Serde,
} from '@millrace/streams'
import { fussySerde } from './fussy-serde.ts'
import type { Datum } from './scenario.ts'

const serdes: Readonly<Record<string, Serde<unknown>>> = {
  string: stringSerde,
  long: longSerde,
  int: int32Serde,
  double: doubleSerde,
  bytes: bytesSerde,
  fussy: fussySerde,
}

/** The serde of a type by its name in scenarios. */
export function serdeOf(name: string): Serde<unknown> {
  const serde = serdes[name]
  if (!serde) throw new Error(`No type is called ${name}.`)
  return serde
}

/** Printable ASCII as it is, anything else as 0x and hexadecimal digits. */
export function shown(bytes: Buffer | null): string | null {
  if (bytes === null) return null
  const text = bytes.toString('latin1')
  return !text.startsWith('0x') && /^[ -~]*$/.test(text) ? text : `0x${bytes.toString('hex')}`
}

export function bytesOf(datum: Datum | undefined): Buffer | null {
  if (datum === null || datum === undefined) return null
  if (typeof datum === 'number') return longSerde.serialize(datum)
  return typeof datum === 'string' ? Buffer.from(datum, 'utf8') : Buffer.from(datum.hex, 'hex')
}
