# SPDX-License-Identifier: MIT
#
# The capOS ABI: every number, name and message that crosses the line between a process and the
# kernel, or between two processes of the base system, is defined in this one file.
#
# How to read it. A process acts only by submitting entries (SQEs) to the ring of one of its
# threads; the ring's memory layout is in lib/ring/ring.h. A CALL names a capability, a method
# number (the ordinal in this file) and a message. The message is the parameter struct in Cap'n
# Proto encoding, in one of two forms:
#
#   inline  The parameter struct has no pointers and at most four data words: its data section
#           travels inside the SQE. Results likewise travel inside the CQE.
#   area    Anything else: a single segment without framing, its first word the root pointer,
#           in the message area that belongs to the thread's ring.
#
# Errors come in three layers that never mix. `Status` in a CQE is the transport: was the request
# well formed and carried out at all? The CQE's exception is the callee's typed refusal. Whatever
# is an ordinary answer ("no such file") is a union in the result.
#
# Kernel methods name capabilities of the caller as plain `CapId` data; nothing is transferred.
# Between processes, capabilities travel in the transfer list beside the message.

@0x8ddc46451e79e3c0;

const abiLevel :UInt32 = 2;
# Stands in the boot package. A kernel starts no package of another level.

using CapId = UInt64;
# A capability as its holder names it: slot index (bits 0 to 19) and slot generation (bits 20 to
# 63). Zero names nothing. A generation never repeats; a slot that has used its last is retired.

enum Status {
  # The outcome of an operation. `ok` is zero; everything else says what was refused, and a
  # refused operation has changed nothing.

  ok @0;
  badRequest @1;      # malformed SQE: unknown operation or flag, or a reserved field is not zero
  badCapability @2;   # the CapId names no slot of this process, or an empty one
  stale @3;           # the generation differs: released, or revoked by the object's owner
  wrongType @4;       # the capability does not offer this operation
  badMethod @5;       # the interface has no such method
  badMessage @6;      # the message is not what the schema says
  badRange @7;        # an offset, length, count or address is out of range or not aligned
  occupied @8;        # the place asked for is taken
  notFound @9;        # nothing is there
  busy @10;           # in use in a way that excludes the request
  overBudget @11;     # the account that would be charged cannot pay
  noMemory @12;       # the machine is out of memory (inside a budget this does not happen)
  cancelled @13;      # ended by CANCEL, or because its thread or process ended
  timedOut @14;       # the deadline passed first
  peerGone @15;       # the other side of the endpoint no longer exists
  queueFull @16;      # no room: completion queue or pending operations exhausted
  poisoned @17;       # the ring's indices were out of range; the ring takes no more work
  denied @18;         # the holder may not do this to that object
  retired @19;        # the slot has used its last generation
  tooLong @20;        # the message does not fit the receiver's buffer
  unsupported @21;    # this machine or build cannot do it
  badImage @22;       # a program image that cannot be loaded
  fault @23;          # a memory access failed
  pinned @24;         # the memory is pinned by the kernel or a device
}

enum RingOperation {
  # What an SQE asks for.

  nop @0;             # complete at once
  call @1;            # send a message to `target`, wait for the answer
  recv @2;            # take the next message of endpoint `target`
  return @3;          # answer the call named by `target`; see the rearm flag
  release @4;         # give up capability `target`; with the revoke flag take back all others
  wait @5;            # until `target` (notification, thread, process handle) has something to say
  timeout @6;         # complete when the clock reaches payload word 0 (nanoseconds since boot)
  cancel @7;          # end the pending operation whose user data equals `target`
}

enum Access {
  # What a mapping or a view of memory allows. Nothing is ever writable and executable.

  read @0;
  readWrite @1;
  readExecute @2;
}

# ---------------------------------------------------------------------------------------------
# Kernel interfaces
# ---------------------------------------------------------------------------------------------

interface Factory {
  # Creates kernel objects, charged to the account of the process this factory was made for.

  createMemory @0 (pageCount :UInt64) -> (memory :CapId);
  # Zeroed, resident pages. Large requests complete later, in bounded steps.
  createEndpoint @1 () -> (endpoint :CapId);
  createNotification @2 () -> (notification :CapId);
  createTimer @3 () -> (timer :CapId);
  createThread @4 (entry :UInt64, stackTop :UInt64, argument :UInt64, ring :UInt64) -> (thread :CapId);
  # Starts a thread at `entry` with rdi = `ring`, rsi = `argument`. The kernel maps the new
  # thread's ring, ringPageCount pages, at address `ring`, where nothing may be mapped yet.
}

interface VirtualMemory {
  # One address space.

  map @0 (memory :CapId, address :UInt64, pageOffset :UInt32, pageCount :UInt32, access :Access);
  # Maps pages of a memory object at a page-aligned address; the whole range must be unmapped.
  unmap @1 (address :UInt64, pageCount :UInt64);
  # Removes exactly one earlier mapping. Completes when no CPU can use it any longer.
  protect @2 (address :UInt64, pageCount :UInt64, access :Access);
  # Changes the access of exactly one earlier mapping, within what the memory capability allowed.
  setTls @3 (base :UInt64);
  # The calling thread's FS base.
}

interface Memory {
  # A memory object: resident frames, charged to its creator until the last pin and mapping go.

  size @0 () -> (pageCount :UInt64, access :Access, mappingCount :UInt32, pinCount :UInt32);
  view @1 (pageOffset :UInt64, pageCount :UInt64, access :Access) -> (memory :CapId);
  # A narrower memory object over the same frames, revocable on its own.
}

interface Endpoint {
  # The receiving end: RECV takes messages here.

  mint @0 (badge :UInt64, notification :CapId, bits :UInt64) -> (client :CapId);
  # A sending end. Each is an object of its own: revoking one leaves the others alone.
  # With a notification, `bits` are signalled once when the end is gone: nobody has a capability
  # for it any more, whether released, revoked or lost by a process that ended, and no call made
  # through it waits to be received. Whoever mints has one too, until it moves or releases it.
  # The notification may be a Notification or a Signaller whose mask covers `bits`; if that is
  # revoked or gone by then, nothing is signalled. 0 and 0: nobody wants to know.
}

interface EndpointClient {
  # The sending end. Every CALL is delivered with the badge it was minted with; method numbers
  # and messages mean what the receiver says.
}

interface Notification {
  # A word of bits. WAIT takes all set bits and clears them.

  signal @0 (bits :UInt64);
  mint @1 (mask :UInt64) -> (signaller :CapId);
  # A capability that can only set the bits of `mask`.
}

interface Signaller {
  signal @0 (bits :UInt64);
}

interface Timer {
  now @0 () -> (nanoseconds :UInt64);
  # Time since boot.
  arm @1 (notification :CapId, bits :UInt64, deadline :UInt64, period :UInt64);
  # Signals `bits` at `deadline` (nanoseconds since boot), then every `period` if that is not 0: at
  # least 100 us, which is also the least between two signals of all such timers of a process.
  # The notification may be a Notification or a Signaller whose mask covers `bits`.
  disarm @2 ();
}

interface Thread {
  # WAIT completes when the thread has ended; payload word 0 is its exit code.

  setPriority @0 (priority :UInt8);
  # Up to the process's maximum.
}

interface ProcessSpawner {
  # Starts processes whose budgets are taken out of the account this spawner was made for.

  spawn @0 (request :SpawnRequest) -> (process :CapId);
  # The transfer list beside the message gives the child its capabilities, in order.
  # stale, also late: this spawner or the image was revoked, and no process comes to life.
}

struct SpawnRequest {
  name @0 :Text;               # at most 31 bytes, for people
  image @1 :CapId;             # a Memory capability of the caller that holds an ELF64 executable;
                               # if it allows execution, the child shares what it never writes
  imageOffset @2 :UInt64;      # bytes
  imageLength @3 :UInt64;      # bytes
  priority @4 :UInt8;
  maxPriority @5 :UInt8;
  cpuBudgetMicros @6 :UInt32;  # CPU time per period; 0 means no limit
  cpuPeriodMicros @7 :UInt32;
  budget @8 :Budget;
  startMessage @9 :Data;       # copied to the start of the child's message area, a StartInfo
}

struct Budget {
  # What a process may hold. All of it is set aside before the process exists.

  frames @0 :UInt32;           # 4 KiB frames: memory, page tables, rings, kernel tables
  capSlots @1 :UInt32;
  objects @2 :UInt32;          # kernel objects of every kind
  threads @3 :UInt32;
  dmaPages @4 :UInt32;         # 4 KiB pages mapped for devices, own memory or a client's
  mmioPages @5 :UInt32;        # 4 KiB pages of device registers mapped
  interrupts @6 :UInt32;       # interrupt routes held
}

interface ProcessHandle {
  # WAIT completes when the process is gone and its memory settled: payload word 0 is the exit
  # code, word 1 an ExitReason.

  kill @0 ();
  info @1 () -> (pid :UInt64, state :ProcessState);
}

enum ProcessState { starting @0; running @1; ending @2; gone @3; }

enum ExitReason { exited @0; crashed @1; killed @2; }

interface Console {
  # The serial console.

  write @0 (text :Data);
  read @1 (limit :UInt32) -> (bytes :Data);
  # Completes with at least one byte of input.
}

interface Diagnostics {
  # What the kernel knows about itself, for a person. Lists start at a cursor and end when short.

  processes @0 (afterPid :UInt64) -> (processes :List(ProcessInfo));
  capabilities @1 (pid :UInt64, afterIndex :UInt32) -> (capabilities :List(CapabilityInfo));
  memory @2 () -> (info :MemoryInfo);
  cpus @3 () -> (cpus :List(CpuInfo));
  log @4 (sequence :UInt64) -> (next :UInt64, lost :UInt64, text :Data);
  # Kernel log text from byte `sequence` on; `lost` counts the bytes already overwritten.
  functions @5 (fromIndex :UInt32) -> (functions :List(FunctionInfo));
  interrupts @6 (fromIndex :UInt32) -> (interrupts :List(InterruptInfo));
  dma @7 (fromIndex :UInt32) -> (buffers :List(DmaInfo));
  quarantine @8 () -> (info :QuarantineInfo);
  # What devices that nobody saw come to rest may still reach.
  iommus @9 () -> (iommus :List(IommuInfo));
  traceControl @10 (command :TraceCommand)
      -> (running :Bool, cpuCount :UInt32, capacity :UInt32, bootTicks :UInt64,
          ticksPerSecond :UInt64);
  # The kernel's trace: whether it runs after the command, how many CPUs there are, how many records
  # each keeps, and what their ticks mean.
  trace @11 (cpu :UInt32, sequence :UInt64) -> (next :UInt64, lost :UInt64,
                                                records :List(TraceRecord));
  # What a CPU did, from record `sequence` on, which without losses is the first one's number;
  # `lost` counts those overwritten. notFound: no such CPU.
  report @12 (topic :UInt16, format :UInt16, argument :UInt64, cursor :UInt64)
      -> (next :UInt64, ended :Bool, text :Data);
  # Whole lines of a report, ReportTopic by number, from `cursor` on (0: from its start), as the
  # early prompt on the serial line prints them: tables for people (`format` 0), or JSON objects, one
  # a line (1). `argument` is what the topic is about. notFound: no such topic or format. Any cursor
  # is harmless.
}

enum TraceCommand {
  look @0;
  start @1;           # forget what there is, and record
  stop @2;            # what there is stays
  resume @3;          # record on
}

struct TraceRecord {
  ticks @0 :UInt64;            # time stamp counter
  pid @1 :UInt64;              # low 32 bits of the process that the CPU carried; 0: none
  word0 @2 :UInt64;            # by kind
  word1 @3 :UInt64;
  word2 @4 :UInt64;
  kind @5 :TraceKind;
}

enum TraceKind {
  # A record's words in brackets. A thread is one word: process in the upper 32 bits, number in the
  # lower; 0 is no thread: the CPU is idle. A bdf is the function's, for people.

  begin @0;           # recording begins [thread that the CPU carries]
  systemCall @1;      # [number, first and second argument]
  submission @2;      # that a cap_enter will take, as it was then; at most eight of a call
                      # [index, first eight bytes of it, target]
  switch @3;          # [thread, next thread, the former's state | the latter's priority << 8]
                      # states: 0 blocked, 1 ready, 2 running, 3 ended
  interrupt @4;       # [vector, route + 1 of a device's vector]
  dmaMap @5;          # a device can reach pages [bdf << 32 | pages, iova, DmaAccess]
  dmaUnmap @6;        # it cannot any more, and the IOMMU has said so [bdf << 32 | pages, iova]
  ledger @7;          # what the audit log also says
                      # [AuditEvent | Status << 8 | FunctionState << 16 | bdf << 32, pid, detail];
                      # state 255: no function
  fault @8;           # of user code [vector | error << 32, instruction, address of a page fault]
  processStart @9;    # [pid, first 16 bytes of its name]
  processEnd @10;     # [pid | ExitReason << 32, first 16 bytes of its name]
}

enum ReportTopic {
  acpi @0;
  pci @1;
  pciFunction @2;     # argument: segment << 16 | bdf
  irqs @3;
  cpus @4;
  mem @5;
  iommu @6;
  dma @7;
  mmio @8;
  devices @9;
  caps @10;
  capsOf @11;         # argument: pid
  budgets @12;
  audit @13;
  locks @14;
  trace @15;
}

struct ProcessInfo {
  pid @0 :UInt64;
  name @1 :Text;
  state @2 :ProcessState;
  priority @3 :UInt8;
  threads @4 :UInt32;
  cpuMicros @5 :UInt64;
  frames @6 :UInt32;
  frameLimit @7 :UInt32;
  capSlots @8 :UInt32;
  capSlotLimit @9 :UInt32;
  objects @10 :UInt32;
  objectLimit @11 :UInt32;
}

struct CapabilityInfo {
  index @0 :UInt32;
  generation @1 :UInt64;
  kind @2 :ObjectKind;
  stale @3 :Bool;
  object @4 :UInt32;           # which object, so that two holders of one can be told
}

enum ObjectKind {
  none @0;
  factory @1;
  virtualMemory @2;
  memory @3;
  endpoint @4;
  endpointClient @5;
  notification @6;
  signaller @7;
  timer @8;
  thread @9;
  processSpawner @10;
  processHandle @11;
  console @12;
  diagnostics @13;
  power @14;
  deviceManager @15;
  deviceMmio @16;
  interrupt @17;
  dmaPool @18;
  dmaBuffer @19;
  auditLog @20;
  interruptRouting @21;
  acpiFirmware @22;
}

struct MemoryInfo {
  # Counts of 4 KiB frames. The kinds add up to `total`.

  total @0 :UInt64;
  free @1 :UInt64;
  reserved @2 :UInt64;         # firmware, holes between, the boot package
  kernelImage @3 :UInt64;
  frameTable @4 :UInt64;
  slabs @5 :UInt64;            # kernel objects
  pageTables @6 :UInt64;
  rings @7 :UInt64;
  memoryObjects @8 :UInt64;
  capTables @9 :UInt64;
  perCpu @10 :UInt64;          # stacks and CPU-local data
  quarantined @11 :UInt64;     # of the memory objects and the IOMMU's tables: what devices that nobody
                               # saw come to rest may still reach
}

struct CpuInfo {
  index @0 :UInt32;
  apicId @1 :UInt32;
  idleMicros @2 :UInt64;
  busyMicros @3 :UInt64;
  switches @4 :UInt64;
  interrupts @5 :UInt64;
}

interface Power {
  halt @0 ();
  # Off, if firmware's tables say how; else stopped.
  reboot @1 ();
}

interface AcpiFirmware {
  # The machine as far as firmware's AML may touch it, for the program that interprets AML. Every
  # access is the kernel's, one at a time, and made only if the kernel's own list allows it: memory
  # that firmware kept for itself and that is nobody's registers; ports that are neither the kernel's
  # nor a device's; configuration space of functions that are there, to read. denied: anything else.

  root @0 () -> (rsdp :UInt64);
  # Where the tables begin, a physical address. notFound: there are none.
  read @1 (address :UInt64, bytes :UInt32) -> (data :Data);
  # Up to 2048 bytes of tables, from a physical address on.
  readMemory @2 (address :UInt64, width :UInt8) -> (value :UInt64);
  writeMemory @3 (address :UInt64, value :UInt64, width :UInt8);
  # One access of 1, 2, 4 or 8 bytes. Writes only to what is kept across sleep (NVS).
  readPort @4 (port :UInt32, width :UInt8) -> (value :UInt32);
  writePort @5 (port :UInt32, value :UInt32, width :UInt8);
  readConfig @6 (segment :UInt16, bdf :UInt16, offset :UInt16, width :UInt8) -> (value :UInt32);
  # 1, 2 or 4 bytes. notFound: no such function.
  softOff @7 (typeA :UInt8, typeB :UInt8);
  # What the object \_S5 evaluates to: what Power.halt writes to the sleep type fields, 0 to 7, if the
  # kernel has found no such values itself. occupied: it has, and others.
}

# ---------------------------------------------------------------------------------------------
# Device authority
# ---------------------------------------------------------------------------------------------
#
# A driver is an ordinary process that was given three kinds of capability: the registers of one
# function, its interrupts, and a pool of memory that the device can reach. Each carries the
# function's generations in the kernel's ledger. Capabilities of devices are moved, never copied;
# with the first that a process receives, the whole claim becomes its own, and only the owner can
# use any of them. When the owner ends, or gives the last one up, the kernel tears everything down:
# mappings, routes, device-visible memory, and the device itself by a reset.

interface DeviceManager {
  # The ledger of device authority. Held by init.

  functions @0 (fromIndex :UInt32) -> (functions :List(FunctionInfo));
  # Every function of the machine's buses, from an index of the ledger on; ends when short.
  claim @1 (function :UInt32, poolPages :UInt32, generation :UInt64, addressBits :UInt8,
            byPin :UInt8)
        -> (mmio :CapId, pool :CapId, interrupt :CapId);
  # Makes the caller the owner of function `function` of the ledger, as of `generation`. `pool`
  # may hold `poolPages` pages at addresses of `addressBits` bits, all that the device can drive;
  # `interrupt` is 0 if the function has no MSI, no MSI-X and no interrupt pin. With `byPin` 1 it
  # is that of the pin, though the function may have messages.
  # Refused: stale, busy (it or one of its isolation group has another owner), unsupported (see
  # FunctionInfo.refusal; or nobody has declared where its pin leads), overBudget, queueFull (no
  # vector, route or remapping entry is free).
  interrupt @2 (function :UInt32, generation :UInt64) -> (interrupt :CapId);
  # One more vector of a function that the caller owns. notFound: it has no other.
  revoke @3 (function :UInt32, generation :UInt64) -> (state :FunctionState);
  # Takes everything back from whoever has it. Completes when nothing of it is left: the function
  # is free, or in quarantine.
  reset @4 (function :UInt32, generation :UInt64) -> (state :FunctionState);
  # As revoke; and the way out of quarantine, by a reset of the whole function that is seen to bring it
  # to rest. What it could reach is given back then.
  disable @5 (function :UInt32) -> (state :FunctionState);
  # As revoke, whoever owns it, and nobody can claim the function from here on.
  enable @6 (function :UInt32) -> (state :FunctionState);
  # The reverse of disable. A function that cannot be claimed for another reason stays so.
}

interface InterruptRouting {
  # Where the interrupt pins of PCI functions lead: what only firmware's AML knows (_PRT, ACPI 6.5
  # section 6.2.13), told by who has read it. The kernel believes nothing that its own tables deny.

  declare @0 (segment :UInt16, bus :UInt8, device :UInt8, pin :UInt8, levelTriggered :UInt8,
              activeLow :UInt8, gsi :UInt32);
  # Pin 1 to 4 (INTA to INTD) of all functions of a device is wired to global system interrupt `gsi`.
  # What is behind a bridge and has no declaration of its own is wired to the bridge's pins, as the
  # bridge specification says. A declaration stands until the machine ends; saying it again is ok.
  # badRange: no such pin, device number, flag (0 or 1), or input of an I/O APIC; notFound: no
  # function is there; unsupported: not level-triggered; denied: the input is the timer's, the
  # console's or an NMI, or firmware's tables say that it is triggered otherwise; busy: it contradicts
  # an earlier declaration of the pin or of the input; queueFull.
}

interface DeviceMmio {
  # The registers of one function: its memory BARs, less the pages that hold MSI-X tables, and its
  # configuration space as far as the kernel lets an owner see and change it.

  info @0 (bar :UInt32) -> (bytes :UInt64, mappable :Bool, prefetchable :Bool);
  # Of BAR 0 to 5: how long, and whether it can be mapped. notFound: no memory BAR of that number.
  map @1 (address :UInt64, offset :UInt64, pageCount :UInt32, bar :UInt32);
  # Maps pages of a BAR, uncached, at an unmapped address. VirtualMemory.unmap removes them.
  # badRange: beyond the BAR, or not whole pages; denied: a page holds an MSI-X table.
  read @2 (offset :UInt64, bar :UInt32, width :UInt32) -> (value :UInt64);
  write @3 (offset :UInt64, value :UInt64, bar :UInt32, width :UInt32);
  # One access of 1, 2, 4 or 8 bytes by the kernel: for registers whose page cannot be mapped.
  readConfig @4 (offset :UInt32, width :UInt32) -> (value :UInt32);
  writeConfig @5 (offset :UInt32, width :UInt32, value :UInt32);
  # Configuration space. Bits that an owner may not change keep their value, and the answer is
  # denied if the value asks for anything else.
}

interface Interrupt {
  # One vector of a function (MSI-X or MSI), or its pin (INTx). Masked until unmask. WAIT completes
  # when it has been delivered since the last WAIT; payload word 0 is how often. WAIT serves those who
  # have bound no notification. queueFull: 32 wait already.
  #
  # A pin's is a level: each delivery masks it, at the function where that can be done, else the line
  # for all who share it. unmask acknowledges, when the device asserts it no longer.

  bind @0 (notification :CapId, bits :UInt64);
  # Deliver by setting bits of a Notification, or of a Signaller that covers them.
  unmask @1 ();
  mask @2 ();
  info @3 () -> (delivered :UInt64, index :UInt32, masked :Bool, level :Bool);
  # `index` is the vector's number within the function: what its queues are programmed with. `level`:
  # a pin's, to be unmasked after each delivery.
}

enum DmaAccess {
  # What the device may do with memory.

  deviceReads @0;
  deviceWrites @1;
  deviceReadsWrites @2;
}

interface DMAPool {
  # What of memory a function's device can reach: nothing but the buffers in its pool.

  map @0 (memory :CapId, pageOffset :UInt32, pageCount :UInt32, access :DmaAccess)
      -> (buffer :CapId, iova :UInt64);
  # Makes pages of a memory object reachable at `iova`, an address that only the device uses and
  # that is never given out twice. They stay pinned until the buffer's end is complete.
  # denied: the device would write what the capability may only read.
  info @1 () -> (pageLimit :UInt32, pageCount :UInt32, bufferCount :UInt32, level :DmaLevel,
                 addressBits :UInt8);
}

interface DMABuffer {
  # Pages that a device can reach. Releasing the capability ends that, too, but does not wait.

  unmap @0 ();
  # Completes when the device can reach the pages no longer.
  info @1 () -> (iova :UInt64, pageCount :UInt32, access :DmaAccess);
}

enum DmaLevel {
  # What keeps a device of this machine from memory that was not given to it.

  none @0;            # nothing does: its functions cannot be claimed
  confined @1;        # DMA remapping and interrupt remapping
  dmaConfined @2;     # DMA remapping alone: interrupts can be forged
  brokered @3;        # no IOMMU: the kernel writes every address itself
  trusted @4;         # nothing, and the manifest says that it may be so
}

enum FunctionState {
  discovered @0;      # found at boot, never owned
  claimed @1;         # has an owner
  active @2;          # its device can reach memory or raise interrupts
  revoking @3;        # authority is being taken back
  resetting @4;       # the device is being reset
  free @5;            # nothing of the last owner is left
  quarantined @6;     # nobody has seen the device come to rest
  retired @7;         # generations or addresses are used up
}

enum ClaimRefusal {
  # Why a function cannot be claimed, whoever asks.

  none @0;
  bridge @1;          # leads to other functions
  noIommu @2;         # no working DMA remapping covers it
  firmwareMemory @3;  # firmware wants it to reach memory of its own (RMRR)
  sharedRequester @4; # behind a bridge that makes its requests look like another's
  badConfiguration @5; # its configuration space contradicts itself
  badBar @6;          # a BAR was not assigned, or overlaps something
  kernelOwned @7;     # the kernel drives it: an IOMMU, an I/O APIC, the console
  quarantined @8;
  retired @9;
  disabled @10;       # by a holder of the DeviceManager, who can enable it again
  absent @11;         # it was there and is not any more
  noInterruptRoute @12; # it has nothing but a pin, and nobody has declared where that leads
}

struct FunctionInfo {
  index @0 :UInt32;            # in the ledger
  bdf @1 :UInt16;
  segment @2 :UInt16;
  vendor @3 :UInt16;
  device @4 :UInt16;
  subsystemVendor @5 :UInt16;
  subsystem @6 :UInt16;
  classCode @7 :UInt32;
  generation @8 :UInt64;
  ownerPid @9 :UInt64;         # 0: none
  state @10 :FunctionState;
  refusal @11 :ClaimRefusal;
  coverage @12 :DmaLevel;      # the strongest that the machine has for it
  level @13 :DmaLevel;         # the one in force; none while unowned
  group @14 :UInt32;           # index of the first function of its isolation group
  poolPages @15 :UInt32;       # mapped for the device now
  poolLimit @16 :UInt32;
  bufferCount @17 :UInt32;
  mmioPages @18 :UInt32;       # mapped registers
  routeCount @19 :UInt32;
  vectorCount @20 :UInt32;     # that the function has
  faultCount @21 :UInt32;      # accesses that the IOMMU refused
  resetCount @22 :UInt32;
  notReset @23 :Bool;          # its last owner's work may still be running, behind the IOMMU
  waitingFor @24 :TeardownStep;
}

enum TeardownStep {
  # What the teardown of a claim waits for.

  none @0;
  unmapping @1;       # CPUs to forget the registers' addresses
  masking @2;         # the interrupt-entry cache
  draining @3;        # transactions under way
  resetting @4;       # the device
  detaching @5;       # the IOMMU
  releasing @6;       # pages to be given back
}

struct InterruptInfo {
  index @0 :UInt32;            # of the route in the ledger
  function @1 :UInt32;
  number @2 :UInt32;           # within the function
  cpu @3 :UInt32;
  vector @4 :UInt8;
  masked @5 :Bool;
  remapped @6 :Bool;
  generation @7 :UInt64;
  delivered @8 :UInt64;
  pin @9 :UInt8;               # 1 to 4: of the function's pin; 0: of a message
  input @10 :UInt32;           # of an I/O APIC, as global system interrupt, if it is a pin's
}

struct DmaInfo {
  index @0 :UInt32;            # of the buffer in the ledger
  function @1 :UInt32;
  generation @2 :UInt64;
  iova @3 :UInt64;
  pageCount @4 :UInt32;
  access @5 :DmaAccess;
}

struct IommuInfo {
  registers @0 :UInt64;        # physical address
  segment @1 :UInt16;
  capability @2 :UInt64;
  extendedCapability @3 :UInt64;
  translating @4 :Bool;
  remapping @5 :Bool;          # interrupts
  dead @6 :Bool;               # stopped answering
  domainCount @7 :UInt32;
  faultCount @8 :UInt64;
}

interface AuditLog {
  # The record of device authority: one entry for each change and for each class of refusals,
  # numbered from 0 without a gap. It is read and nothing else; whoever holds it sees all owners'
  # entries.
  #
  # A process's refusals are of one class if their `kind` and `status` are the same; from the 16th
  # class on all are of one. The first 16 of a class have an entry each, and then the 64th, the
  # 256th, the 1,024th and so on. The others are counted: in `count` of the next entry of the class,
  # in the entry `unrecorded` at the end of the process, and in `omitted`.
  #
  # Whoever uses an id that it has given up, and whose place in its table was used again since, used
  # nobody knows what: `kind` is none, and there is neither object nor function. Only of processes
  # that have had a capability of devices, or of those who manage them, are there such entries.

  read @0 (sequence :UInt64) -> (next :UInt64, dropped :UInt64, records :List(AuditRecord),
                                 omitted :UInt64);
  # Entries from number `sequence` on, the oldest first; an empty list if there are none yet. Go on
  # at `next`. `dropped` counts those from `sequence` on that were overwritten before they were read;
  # `omitted` the refusals since boot that have no entry.
}

enum AuditEvent {
  # What happened, and in brackets what `detail` is.

  claimed @0;                  # a function has an owner [pages of its pool at most]
  moved @1;                    # the claim has another owner [pid of the former]
  mmioMapped @2;               # [BAR << 60 | offset]
  mmioUnmapped @3;             # [pages]
  routeBound @4;               # an interrupt goes to a notification [vector of the function]
  routeReleased @5;            # [vector of the function]
  bufferMapped @6;             # a device can reach pages [IOVA]
  bufferUnmapped @7;           # it cannot any more, and the IOMMU has said so [IOVA]
  revoked @8;                  # the epoch was raised: nothing of the old one resolves; `cause` says why
  reset @9;                    # the device was seen to be reset [rung of the ladder]
  freed @10;                   # nothing of the last owner is left
  quarantined @11;             # nobody has seen the device come to rest [pages that it may reach]
  retired @12;                 # as freed, and it can never be claimed again
  refused @13;                 # `status` says why, `operation` and `method` what [of what was asked
                               # for: an index, a count, an offset, a pid; 0 if that is all]
  faulted @14;                 # an access of the device was refused by the IOMMU [its address]
  activated @15;               # the device may begin transfers and interrupts
  partReleased @16;            # the capability of registers or pool is gone, the claim is not
  routeMade @17;               # a claim has one more interrupt [vector of the function]
  disabled @18;                # nobody can claim the function [1] or again [0]
  recovering @19;              # a reset of a function in quarantine begins [pages that it may reach]
  recovered @20;               # out of quarantine: nothing of it is left
  pinDeclared @21;             # where a pin leads [pin << 32 | global system interrupt]
  unrecorded @22;              # a process has ended; its refusals without an entry [how many]
  misplaced @23;               # refused, too: a capability stood where there is no place for it. As
                               # an argument of a `method` that wants another kind, or a live one
                               # [kind of the object that was called << 32 | its number]; as target
                               # of a ring entry whose `operation` has none; nop: or is none at all
                               # [the operation's number]
}

enum TeardownCause {
  # Why authority over a function was taken back.

  none @0;
  released @1;                 # its owner gave the last capability of the claim up
  exited @2;                   # its owner's end, in one of three ways
  crashed @3;
  killed @4;
  revoked @5;                  # DeviceManager.revoke, reset or disable
  reset @6;
  disabled @7;
  faultStorm @8;               # the IOMMU refused more of its accesses than is tolerable
  fatalError @9;               # its port reported an uncorrectable error (AER)
  ejected @10;                 # its slot was asked to let it go
  vanished @11;                # its configuration space reads as all ones
  iommuFailed @12;             # the IOMMU stopped answering
}

struct AuditRecord {
  # All entries are of one size. Neither kernel nor physical addresses are in any.

  sequence @0 :UInt64;
  nanoseconds @1 :UInt64;      # since boot
  event @2 :AuditEvent;
  status @3 :Status;           # why it was refused; ok for a change
  function @4 :UInt32;         # index in the ledger; 4294967295: none is meant
  bdf @5 :UInt16;
  segment @6 :UInt16;
  pid @7 :UInt64;              # who did it, or paid for what is gone; 0: the kernel, or the device
  generation @8 :UInt64;       # of the function, behind the change
  detail @9 :UInt64;           # by event
  object @10 :UInt32;          # which capability's object, as Diagnostics.capabilities has it; 0: none.
                               # Of a refusal: of the capability that was used, or stood there
  kind @11 :ObjectKind;        # of that object; none: there is none, or it is not known any more
  cause @12 :TeardownCause;    # of `revoked` and what follows from it
  ownerPid @13 :UInt64;        # whose authority it is about; 0: nobody's, as of a capability whose
                               # object is gone
  objectGeneration @14 :UInt64; # of the object's place, which grows when it is revoked; of a stale
                               # capability that of its making
  count @15 :UInt64;           # of a refusal: how many of its class there were, this one included
  operation @16 :RingOperation; # of a refusal: what was submitted; nop in `refused`: the capability
                               # was to go to another process
  method @17 :UInt16;          # of a refused call
}

struct QuarantineInfo {
  # Counts of 4 KiB pages. What is charged here is charged to no process.

  functions @0 :UInt32;        # in quarantine
  devicePages @1 :UInt32;      # that they may still reach
  frames @2 :UInt32;           # of memory and tables that can be given to nobody
  frameLimit @3 :UInt32;       # when so many are lost, no function can be claimed
}

# ---------------------------------------------------------------------------------------------
# Start of a process
# ---------------------------------------------------------------------------------------------

struct StartInfo {
  # What a new process finds at the start of its first thread's message area. Its capabilities
  # are in its table from index 1 on, in the order of `capabilities`, each of generation 1: first
  # the two that every process has, its Factory and its VirtualMemory, then those it was given.

  arguments @0 :List(Text);
  capabilities @1 :List(Text);  # names of the given ones
}

# ---------------------------------------------------------------------------------------------
# Boot package and manifest
# ---------------------------------------------------------------------------------------------

struct BootPackage {
  abiLevel @0 :UInt32;
  manifest @1 :Manifest;
  images @2 :List(Image);
}

struct Image {
  name @0 :Text;
  elf @1 :Data;
}

struct Manifest {
  # The kernel starts programs[0], init, and gives it every kernel capability; init starts the
  # rest.

  programs @0 :List(Program);
}

struct Program {
  name @0 :Text;
  image @1 :Text;
  start @2 :Start;
  priority @3 :UInt8 = 16;      # 0 (idle) to 31
  maxPriority @4 :UInt8 = 16;
  cpuBudgetMicros @5 :UInt32;   # 0: no limit
  cpuPeriodMicros @6 :UInt32 = 10000;
  budget @7 :Budget;
  arguments @8 :List(Text);
  grants @9 :List(Grant);
}

enum Start {
  boot @0;                      # init starts it, in the manifest's order
  demand @1;                    # when somebody asks the launcher
  device @2;                    # at boot, if every device that it is granted is there
  first @3;                     # at boot; what follows it in the manifest is started when it has ended,
                                # or been killed after ten seconds
}

struct Grant {
  # One capability that the program finds under `name`.

  name @0 :Text;
  source :union {
    console @1 :Void;
    diagnostics @2 :Void;
    power @3 :Void;
    spawner @4 :Void;
    bootPackage @5 :Void;       # the whole package, read only
    timer @6 :Void;             # a timer of its own
    serves @7 :Text;            # the receiving end of the named service
    uses @8 :Text;              # a sending end of the named service, badged per program
    device @9 :DeviceGrant;     # a claim: NAME.mmio, NAME.pool, and NAME.interrupt if it has one
    deviceManager @10 :Void;
    auditLog @11 :Void;
    interruptRouting @12 :Void;
    acpiFirmware @13 :Void;
  }
}

struct DeviceGrant {
  # Which function: the `nth` in the ledger's order of those with these ids.

  vendor @0 :UInt16;
  devices @1 :List(UInt16);     # any of these device ids
  nth @2 :UInt16;
  poolPages @3 :UInt32;
  interrupts @4 :UInt16 = 1;    # the second is NAME.interrupt1, and so on
  addressBits @5 :UInt8 = 64;   # that the device can drive
  byPin @6 :Bool;               # NAME.interrupt is its pin's, though it may have MSI
}

# ---------------------------------------------------------------------------------------------
# Services of the base system
# ---------------------------------------------------------------------------------------------

interface Launcher {
  # Served by init: programs of the manifest, by name.

  run @0 (program :Text, arguments :List(Text)) -> (result :LaunchResult);
  # On success a ProcessHandle is in the transfer list.
  kill @1 (pid :UInt64) -> (found :Bool);
  programs @2 () -> (programs :List(Text));
}

struct LaunchResult {
  union {
    pid @0 :UInt64;
    unknownProgram @1 :Void;
    refused @2 :Status;         # what the kernel said to the spawn
    missingService @3 :Text;    # a grant whose service no running program serves
    missingDevice @4 :Text;     # a device that was granted and is not in the machine
  }
  stays @5 :Bool;               # a driver: nobody need wait for its end
}

interface Echo {
  # A server to measure and test IPC with.

  echo @0 (value :UInt64) -> (value :UInt64);
  text @1 (text :Text) -> (text :Text);
}

interface Share {
  # A server that hands out shared memory: exercises transfer and revocation.

  open @0 (pageCount :UInt32) -> (session :UInt64);
  # A Memory, a Signaller and an EndpointClient are in the transfer list. The session is closed
  # when the last capability for the latter is gone, so that of a client that dies, and its place
  # is free for another only then.
  close @1 (session :UInt64);
  # The server revokes the session's memory: mappings in the client disappear.
}

interface BlockDevice {
  # A disk, served by its driver. Control is by calls; requests and answers travel through two
  # queues in shared memory (lib/queue), data between the client's own memory and the device.

  info @0 () -> (info :BlockInfo);
  open @1 (depth :UInt32, pageCount :UInt32) -> (session :BlockSessionInfo);
  # Sent along: a Memory capability for `pageCount` pages of the client's own, which the device
  # reads and writes (so it must allow both), and a Signaller that wakes the client (bit 0 is set
  # when there are answers). Returned along: the Memory of the queues, a Signaller that wakes the
  # driver, and a client end whose last release, or its holder's death, closes the session.
}

struct BlockInfo {
  id @0 :Text;                  # what the disk calls itself, 20 bytes at most
  sectorBytes @1 :UInt32;       # the unit of all addresses: 512
  blockBytes @2 :UInt32;        # what the disk prefers to write whole
  sectorCount @3 :UInt64;
  readOnly @4 :Bool;
  flush @5 :Bool;
  discard @6 :Bool;
  writeZeroes @7 :Bool;
  maxSectors @8 :UInt32;        # of one read or write
  maxDiscardSectors @9 :UInt32;
  maxZeroSectors @10 :UInt32;
  depth @11 :UInt32;            # requests that the driver has in flight at the device at most
}

struct BlockSessionInfo {
  depth @0 :UInt32;             # capacity of both queues, a power of two
  queuePages @1 :UInt32;        # of the memory that was sent
  answersOffset @2 :UInt32;     # bytes from its start: the answer queue; requests are at 0
  signalBits @3 :UInt64;        # for the driver's Signaller
}

enum BlockOperation { read @0; write @1; flush @2; discard @3; writeZeroes @4; }

struct BlockRequest {
  # An entry of the request queue. Four words.

  tag @0 :UInt64;               # the client's; comes back in the answer
  sector @1 :UInt64;
  dataOffset @2 :UInt64;        # bytes into the client's memory; a multiple of 512
  sectorCount @3 :UInt32;
  operation @4 :BlockOperation;
}

enum BlockStatus {
  ok @0;
  ioError @1;                   # the device said so
  unsupported @2;               # this disk cannot do that
  badRange @3;                  # beyond the disk's end, or outside the client's memory
  badRequest @4;                # no such operation, or too large
  readOnly @5;
  gone @6;                      # the driver or its device has ended before an answer
}

struct BlockAnswer {
  # An entry of the answer queue. Two words.

  tag @0 :UInt64;
  sectorCount @1 :UInt32;       # moved
  status @2 :BlockStatus;
}

interface Random {
  # Bytes from the hardware's source of entropy.

  read @0 (limit :UInt32) -> (bytes :Data);
}
