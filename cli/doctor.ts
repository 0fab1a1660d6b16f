import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { styleText } from 'node:util'
import { isDenied } from '../functions/shared/aws-errors.ts'
import type { Vending } from '../functions/shared/vending.ts'
import { actionOf, missingAction, sayError } from './command-errors.ts'
import { checks } from './doctor-checks.ts'
import { type Clients, fail, type Result } from './doctor-context.ts'
import { wrap } from './show.ts'

export type Finding = Result & { check: string }

/** A check that fails with an error tells which permission is missing, and does not stop the other checks. */
const orSay = async (check: Promise<Result>): Promise<Result> => {
  try {
    return await check
  } catch (error) {
    if (error instanceof Error && isDenied(error))
      return fail(
        `This could not be checked: you do not have the permission ${missingAction(error)}.`,
        `Use a role that has ${missingAction(error)}. ReadOnlyAccess has all needed permissions except sts:AssumeRole.`,
      )
    return fail(`This could not be checked (${actionOf(error) ?? 'no call'}).`, sayError(error))
  }
}

/**
 * Checks whether the service may be deployed in this account and Region, and would work there.
 * Throws the errors of GetCallerIdentity: without credentials nothing can be checked.
 */
export async function doctor(
  clients: Clients,
  { vending, stage }: { vending: Vending; stage: string },
): Promise<{ mayDeploy: boolean; findings: Finding[] }> {
  const { Account: accountId = '', Arn = '' } = await clients.sts.send(new GetCallerIdentityCommand({}))
  const region = await clients.sts.config.region()
  const context = { clients, vending, stage, region, partition: Arn.split(':')[1] ?? 'aws', accountId }
  const findings = await Promise.all(
    Object.entries(checks).map(async ([check, look]) => ({ check, ...(await orSay(look(context))) })),
  )
  return { mayDeploy: findings.every(({ status }) => status !== 'fail'), findings }
}

const marks = {
  ok: styleText('green', '✔'),
  warn: styleText('yellow', '!'),
  fail: styleText('red', '✘'),
}

const nameWidth = 28
/** A finding for a person: what was checked, what was found, and what to do. */
const showFinding = ({ check, status, finding, remedy }: Finding) => {
  const indent = ' '.repeat(nameWidth)
  const said = wrap([finding, remedy && `→ ${remedy}`].filter(Boolean).join('\n'), indent).trimStart()
  return `${marks[status]} ${styleText('bold', check)}${' '.repeat(nameWidth - 2 - check.length)}${said}`
}

/** All findings, and the verdict. */
export const showDiagnosis = ({ findings, mayDeploy }: { findings: Finding[]; mayDeploy: boolean }) => {
  const count = (status: Finding['status']) => findings.filter((finding) => finding.status === status).length
  const verdict = mayDeploy
    ? `You can deploy the service${count('warn') ? `; warnings: ${count('warn')}` : ''}.`
    : `You cannot deploy the service yet: ${count('fail')} of ${findings.length} checks failed.`
  return [...findings.map(showFinding), '', styleText('bold', verdict)].join('\n')
}
