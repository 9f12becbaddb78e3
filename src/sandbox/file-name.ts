/** One component that can neither leave its folder nor hide in it. A name of another form is a bug of the caller. */
export function checkedName(name: string): string {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/.test(name))
    throw new Error(`${JSON.stringify(name)} is no plain file name`)
  return name
}
