import { stringSerde, type Serde } from '@millrace/streams'

/** Text, except what begins with an exclamation mark: that it neither reads nor writes. */
export const fussySerde: Serde<string> = {
  serialize: (value) => stringSerde.serialize(checked(value)),
  deserialize: (bytes) => checked(stringSerde.deserialize(bytes)),
}

function checked(text: string): string {
  if (text.startsWith('!')) throw new Error(`fussy about ${text}`)
  return text
}
