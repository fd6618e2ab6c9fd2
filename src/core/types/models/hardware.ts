/** What a machine is made of, as its agent tells. What it could not find out is absent. */
export interface Hardware {
  readonly os?: {
    readonly name?: string;
    readonly version?: string;
    readonly kernel?: string;
    readonly arch?: string;
  };
  readonly cpu?: {
    readonly model?: string;
    /** Physical ones. */
    readonly cores?: number;
    readonly threads?: number;
  };
  readonly memoryBytes?: number;
  readonly system?: { readonly manufacturer?: string; readonly model?: string };
  readonly firmware?: {
    readonly kind?: 'uefi' | 'bios';
    readonly vendor?: string;
    readonly version?: string;
  };
  /** What it runs in, such as `KVM`; absent for a machine of its own. */
  readonly virtualisation?: string;
  readonly disks?: Disk[];
  readonly networks?: NetworkCard[];
  readonly gpus?: Gpu[];
}

export interface Disk {
  readonly name: string;
  readonly model?: string;
  /** As the system calls it: `SSD`, `HD`, `NVMe`. */
  readonly kind?: string;
  readonly sizeBytes?: number;
}

export interface NetworkCard {
  readonly name: string;
  readonly mac?: string;
  readonly addresses?: string[];
  readonly speedMbps?: number;
}

export interface Gpu {
  readonly vendor?: string;
  readonly model?: string;
  readonly memoryBytes?: number;
}
