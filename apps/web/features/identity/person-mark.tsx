import { initialsOf } from './model.ts'

/** A round mark with initials, beside the name. The initials are decoration, so they are no text of the page. */
export function PersonMark(props: { readonly name: string }) {
  return <span className="person-mark" aria-hidden="true" data-initials={initialsOf(props.name)} />
}
