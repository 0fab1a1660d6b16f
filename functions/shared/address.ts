/** The identity of an e-mail address, for comparisons: the case of the domain does not count, all else does. */
export const addressIdentity = (address: string) => {
  const at = address.lastIndexOf('@') + 1
  return address.slice(0, at) + address.slice(at).toLowerCase()
}
