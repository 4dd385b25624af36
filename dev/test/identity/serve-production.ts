// The platform's users, discussions and gateway in production mode, for a test that is a process of its own. Says `{"url"}` when it is ready; a number on
// standard input moves the services' clock on by so many ms and is answered by itself; the end of standard input ends it.
import { createInterface } from 'node:readline'
import { startProduction } from './production.ts'

await using production = await startProduction()
console.log(JSON.stringify({ url: production.gateway.url }))
for await (const line of createInterface({ input: process.stdin })) {
  production.advance(Number(line))
  console.log(line)
}
