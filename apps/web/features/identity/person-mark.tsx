import { initialsOf } from './model.ts'

export function PersonMark(props: { readonly name: string }) {
  return (
    <span className="person-mark" aria-hidden="true">
      {initialsOf(props.name)}
    </span>
  )
}
