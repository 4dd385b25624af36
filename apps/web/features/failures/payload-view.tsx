import { integer } from '../../lib/format.ts'
import { pretty } from '../journey/mappers.ts'
import { dumpLimit, hexDump } from './mappers.ts'
import type { FailedPayload } from './model.ts'

/** What an event holds; as bytes too where it is no event. */
export function PayloadView(props: { readonly payload: FailedPayload }) {
  const { payload, bytes } = props.payload
  return (
    <div className="payload">
      <h3>Payload</h3>
      <p className="eyebrow">
        {integer(payload.sizeBytes)} bytes
        {bytes !== null && '. It could not be read as an event'}
        {payload.isMasked && '. Fields that the contract calls secret are hidden'}
      </p>
      <pre tabIndex={0}>{pretty(payload.text)}</pre>
      {bytes !== null && (
        <details>
          <summary>As bytes</summary>
          <pre className="hex" tabIndex={0}>
            {hexDump(bytes)}
          </pre>
          {bytes.length > dumpLimit && (
            <p className="eyebrow">The first {integer(dumpLimit)} bytes.</p>
          )}
        </details>
      )}
    </div>
  )
}
