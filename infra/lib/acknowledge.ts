/** What cdk-nag finds and what is meant so. */
import { Stack, Validations } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** Says for one construct why a finding is meant so. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/**
 * Says why the resources of these statements end in a star. That no action does, and that a lone star stands only where AWS binds
 * a call to nothing, is a check of our own (`check/iam.ts`).
 */
export function acknowledgeWildcards(role: IConstruct, statements: readonly PolicyStatement[], reason: string): void {
  const stack = Stack.of(role);
  const resources = statements.flatMap((statement) => statement.resources).map((resource) => shown(stack.resolve(resource)));
  for (const resource of new Set(resources.filter((it) => it.includes('*')))) {
    acknowledge(role, `AwsSolutions-IAM5[Resource::${resource}]`, reason);
  }
}

/** As cdk-nag writes a resource into its finding: `<Table.Arn>/index/*`. */
function shown(resource: unknown): string {
  if (typeof resource === 'string') return resource;
  const [name, value] = Object.entries(resource as Record<string, unknown>)[0] ?? ['', ''];
  if (name === 'Fn::Join') {
    const [between, parts] = value as [string, unknown[]];
    return parts.map(shown).join(between);
  }
  return `<${(Array.isArray(value) ? value : [value]).map(String).join('.')}>`;
}
