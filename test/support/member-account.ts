import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import type { Document } from './iam-evaluator.ts'

const file = path.join(import.meta.dirname, '../../infra/member-account/access-role.yml')

type AccessRole = {
  Type: string
  Properties: {
    RoleName: string
    AssumeRolePolicyDocument: Document
    ManagedPolicyArns: string[]
  } & Record<string, unknown>
}
type MemberAccountTemplate = {
  Parameters: Record<string, { Type: string; Default?: string; AllowedPattern?: string }>
  Resources: { AccessRole: AccessRole }
}

/** Reads the template of the access role for accounts that were invited, with these values of its parameters. */
export const readMemberAccountTemplate = (values: Record<string, string>) => {
  const all: Record<string, string> = { 'AWS::Partition': 'aws', ...values }
  const valueOf = (name: string) => {
    const value = all[name]
    if (value === undefined) throw new Error(`The template of the access role refers to ${name}, which has no value`)
    return value
  }
  const customTags = [
    { tag: '!Ref', resolve: valueOf },
    {
      tag: '!Sub',
      resolve: (text: string) => text.replace(/\$\{([\w:]+)\}/g, (_, name: string) => valueOf(name)),
    },
  ]
  return parse(readFileSync(file, 'utf8'), { customTags }) as MemberAccountTemplate
}
