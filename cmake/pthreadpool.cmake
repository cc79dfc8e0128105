# pthreadpool as a target. Without threads its shim runs every task in the caller, with the same interface.
# Needs VITREOUS_PTHREADPOOL_DIR and VITREOUS_FXDIV_DIR.

set(P ${VITREOUS_PTHREADPOOL_DIR})
if(VITREOUS_THREADS)
  add_library(pthreadpool STATIC ${P}/src/portable-api.c ${P}/src/memory.c ${P}/src/pthreads.c ${P}/src/fastpath.c)
else()
  add_library(pthreadpool STATIC ${P}/src/legacy-api.c ${P}/src/shim.c)
endif()
target_include_directories(pthreadpool SYSTEM PUBLIC ${P}/include PRIVATE ${P}/src ${VITREOUS_FXDIV_DIR}/include)
target_compile_options(pthreadpool PRIVATE -O3 -w)
target_compile_definitions(pthreadpool PRIVATE NDEBUG PTHREADPOOL_USE_FUTEX=1 PTHREADPOOL_USE_CONDVAR=0
  PTHREADPOOL_USE_GCD=0 PTHREADPOOL_USE_EVENT=0 PTHREADPOOL_USE_CPUINFO=0)
