# XNNPACK as the target `xnnpack`, cut down to what the forward calls.
#
# XNNPACK's own CMake knows no Emscripten and builds thousands of kernels. This takes the configurations that choose
# a kernel for the CPU (src/model/kernels.cc asks them), and of the kernels only the production ones of the families
# below; what nothing refers to is then dropped by the linker.
# Needs VITREOUS_XNNPACK_DIR, VITREOUS_FXDIV_DIR, VITREOUS_FP16_DIR and the target `pthreadpool`.

set(X ${VITREOUS_XNNPACK_DIR})

# f32-igemm only because the f32 gemm configuration names its kernels.
set(XNNPACK_KERNEL_FAMILIES
  "/(f32-gemm|f32-igemm|f32-raddstoreexpminusmax|f32-rmax|f32-vaddc?|x32-packw)-")

set(sources
  configs/binary-elementwise-config.c configs/gemm-config.c configs/hardware-config.c
  configs/raddstoreexpminusmax-config.c configs/rmax-config.c
  microparams-init.c reference/packing.cc)
list(TRANSFORM sources PREPEND ${X}/src/)

add_library(xnnpack STATIC ${sources})
target_include_directories(xnnpack SYSTEM PUBLIC ${X}/include ${X}/src PRIVATE ${X}
  ${VITREOUS_FXDIV_DIR}/include ${VITREOUS_FP16_DIR}/include)
target_link_libraries(xnnpack PUBLIC pthreadpool)
target_compile_options(xnnpack PRIVATE -O3 -w -fno-math-errno -ffunction-sections -fdata-sections)
target_compile_definitions(xnnpack PUBLIC NDEBUG XNN_LOG_LEVEL=0 XNN_ENABLE_ASSEMBLY=0 XNN_ENABLE_MEMOPT=1
  XNN_ENABLE_SPARSE=0 XNN_ENABLE_JIT=0 XNN_ENABLE_GEMM_M_SPECIALIZATION=1 XNN_ENABLE_DWCONV_MULTIPASS=0
  FXDIV_USE_INLINE_ASSEMBLY=0)
foreach(extension ARM_FP16_SCALAR ARM_FP16_VECTOR ARM_BF16 ARM_DOTPROD ARM_I8MM ARM_SME ARM_SME2 RISCV_VECTOR
    RISCV_FP16_VECTOR HVX KLEIDIAI VSX AVXVNNI AVXVNNIINT8 AVX512F AVX512SKX AVX512VBMI AVX512VNNI
    AVX512VNNIGFNI AVX512AMX AVX512FP16 AVX256SKX AVX256VNNI AVX256VNNIGFNI)
  target_compile_definitions(xnnpack PUBLIC XNN_ENABLE_${extension}=0)
endforeach()

# Adds the production kernels that XNNPACK lists for one instruction set; further arguments are its flags.
function(xnnpack_add_kernels isa)
  include(${X}/cmake/gen/${isa}_microkernels.cmake)
  string(TOUPPER ${isa} upper)
  set(kernels ${PROD_${upper}_MICROKERNEL_SRCS})
  list(FILTER kernels INCLUDE REGEX ${XNNPACK_KERNEL_FAMILIES})
  list(TRANSFORM kernels PREPEND ${X}/)
  target_sources(xnnpack PRIVATE ${kernels})
  set_source_files_properties(${kernels} PROPERTIES COMPILE_OPTIONS "${ARGN}")
endfunction()

xnnpack_add_kernels(scalar)
if(EMSCRIPTEN)
  # Every file with the same -m flags (set for the whole build): the layout of XNNPACK's structs depends on them.
  target_compile_definitions(xnnpack PUBLIC XNN_ENABLE_CPUINFO=0)
  set_source_files_properties(${X}/src/configs/gemm-config.c PROPERTIES
    COMPILE_OPTIONS "-include;${CMAKE_CURRENT_LIST_DIR}/wasm/gemm_config.h")
  xnnpack_add_kernels(wasm)
  xnnpack_add_kernels(wasmsimd)
  if(VITREOUS_RELAXED_SIMD)
    xnnpack_add_kernels(wasmrelaxedsimd)
    set(faster_gemm wasmrelaxedsimd-fma)
  else()
    set(faster_gemm wasmsimd)
  endif()
  # Not one of XNNPACK's production kernels, but the fastest on x86: see src/model/kernels.cc.
  target_sources(xnnpack PRIVATE ${X}/src/f32-gemm/gen/f32-gemm-6x8-${faster_gemm}-loadsplat.c)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # Native builds are for tests, sanitizers and fuzzing; native/cpuinfo.h answers for the cpuinfo library.
  target_compile_definitions(xnnpack PUBLIC XNN_ENABLE_CPUINFO=1)
  target_include_directories(xnnpack PRIVATE ${CMAKE_CURRENT_LIST_DIR}/native)
  xnnpack_add_kernels(sse)
  xnnpack_add_kernels(sse2)
  xnnpack_add_kernels(sse41 -msse4.1)
  xnnpack_add_kernels(avx -mavx)
  xnnpack_add_kernels(f16c -mf16c)
  xnnpack_add_kernels(fma3 -mfma -mf16c)
  xnnpack_add_kernels(avx2 -mavx2 -mfma -mf16c)
else()
  message(FATAL_ERROR "The native build (tests only) supports x86-64; wasm builds anywhere.")
endif()
