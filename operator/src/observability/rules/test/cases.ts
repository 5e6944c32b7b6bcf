import type { Case } from './case.ts';
import { componentCases } from './component-cases.ts';
import { flowCases } from './flow-cases.ts';
import { objectiveCases } from './objective-cases.ts';
import { operatorCases } from './operator-cases.ts';

export const cases: readonly Case[] = [...componentCases, ...flowCases, ...operatorCases, ...objectiveCases];
