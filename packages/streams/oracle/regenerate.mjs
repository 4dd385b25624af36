// Writes the goldens anew from Kafka Streams. With words, only those of scenario files whose path has one of them.
import { runOnNode24 } from '../../../dev/bin/node24.mjs'

await runOnNode24(new URL('./regenerate.ts', import.meta.url))
