// Embind as the bindings use it: classes without bases, properties or smart pointers (but for the unique_ptr in which one
// of them comes), functions without overloads or results to wait for, strings in UTF-8. What handles the rest would be a
// third of the glue.
addToLibrary({
  $bindFunction__deps: [
    '$embind__requireFunction',
    '$heap32VectorToArray',
    '$requireRegisteredType',
    '$runDestructors',
  ],
  /** Puts a function of C++ on `target`; a `method` is given the object as its first argument. */
  $bindFunction: (target, name, argCount, argTypes, signature, invoker, context, method) => {
    invoker = embind__requireFunction(signature, invoker);
    const rawTypes = heap32VectorToArray(argCount, argTypes);
    target[name] = function (...args) {
      // Not before the first call: by then all of them are registered.
      const types = rawTypes.map((raw) => requireRegisteredType(raw, name));
      const result = types.shift();
      const destructors = [];
      if (method) args.unshift(this);
      const wired = types.map((type, i) => type.toWireType(destructors, args[i]));
      const value = invoker(context, ...wired);
      runDestructors(destructors);
      return result.fromWireType(value);
    };
  },

  _embind_register_function__deps: ['$bindFunction', '$readLatin1String'],
  _embind_register_function: (name, argCount, argTypes, signature, invoker, context, _isAsync, _isNonnull) =>
    bindFunction(Module, readLatin1String(name), argCount, argTypes, signature, invoker, context),

  _embind_register_class__deps: [
    '$embind__requireFunction',
    '$GenericWireTypeSize',
    '$readLatin1String',
    '$readPointer',
    '$registerType',
    '$throwBindingError',
  ],
  _embind_register_class: (
    rawType,
    rawPointerType,
    rawConstPointerType,
    _base,
    _actualTypeSignature,
    _actualType,
    _upcastSignature,
    _upcast,
    _downcastSignature,
    _downcast,
    name,
    destructorSignature,
    destructor,
  ) => {
    name = readLatin1String(name);
    destructor = embind__requireFunction(destructorSignature, destructor);
    const toWireType = (_destructors, object) =>
      object?.$$ || throwBindingError(`This is no ${name}, or it was deleted.`);
    function Class(...args) {
      return type.construct(...args);
    }
    Class.prototype.delete = function () {
      destructor(toWireType(null, this));
      this.$$ = 0;
    };
    const type = {
      name,
      prototype: Class.prototype,
      fromWireType: (pointer) => Object.assign(Object.create(Class.prototype), { $$: pointer }),
      toWireType,
      argPackAdvance: GenericWireTypeSize,
      readValueFromPointer: readPointer,
      destructorFunction: null,
    };
    for (const raw of [rawType, rawPointerType, rawConstPointerType]) registerType(raw, type);
    Module[name] = Class;
  },

  _embind_register_class_constructor__deps: ['$bindFunction', '$registeredTypes'],
  _embind_register_class_constructor: (rawType, argCount, argTypes, signature, invoker, context) =>
    bindFunction(registeredTypes[rawType], 'construct', argCount, argTypes, signature, invoker, context),

  _embind_register_class_function__deps: ['$bindFunction', '$readLatin1String', '$registeredTypes'],
  _embind_register_class_function: (
    rawType,
    name,
    argCount,
    argTypes,
    signature,
    invoker,
    context,
    _isPureVirtual,
    _isAsync,
    _isNonnull,
  ) => {
    const prototype = registeredTypes[rawType].prototype;
    bindFunction(prototype, readLatin1String(name), argCount, argTypes, signature, invoker, context, true);
  },

  _embind_register_integer__deps: [
    '$GenericWireTypeSize',
    '$integerReadValueFromPointer',
    '$readLatin1String',
    '$registerType',
  ],
  _embind_register_integer: (rawType, name, size, least, _most) => {
    name = readLatin1String(name);
    const unsigned = least === 0;
    const shift = 32 - 8 * size;
    registerType(rawType, {
      name,
      fromWireType: (value) => (unsigned ? (value << shift) >>> shift : value),
      toWireType: (_destructors, value) => (unsigned ? value >>> 0 : value),
      argPackAdvance: GenericWireTypeSize,
      readValueFromPointer: integerReadValueFromPointer(name, size, !unsigned),
      destructorFunction: null,
    });
  },

  _emval_get_method_caller__deps: ['$emval_lookupTypes', '$emval_methodCallers', '$emval_returnValue'],
  _emval_get_method_caller: (argCount, argTypes, kind) => {
    const types = emval_lookupTypes(argCount, argTypes);
    const result = types.shift();
    const caller = (object, f, destructors, args) => {
      const values = types.map((type) => {
        const value = type.readValueFromPointer(args);
        args += type.argPackAdvance;
        return value;
      });
      const isConstructor = kind === 1;
      const value = isConstructor ? Reflect.construct(f, values) : f.apply(object, values);
      return emval_returnValue(result, destructors, value);
    };
    return emval_methodCallers.push(caller) - 1;
  },

  _embind_register_std_string__deps: [
    '$GenericWireTypeSize',
    '$readLatin1String',
    '$readPointer',
    '$registerType',
    '$throwBindingError',
    'free',
    'malloc',
  ],
  _embind_register_std_string: (rawType, name) => {
    name = readLatin1String(name);
    if (name !== 'std::string') return; // there is one for bytes as well
    registerType(rawType, {
      name,
      // Their length, and the bytes.
      fromWireType(pointer) {
        const start = pointer + 4;
        const bytes = HEAPU8.slice(start, start + HEAPU32[pointer >> 2]); // not shared: a decoder takes no other
        _free(pointer);
        return new TextDecoder().decode(bytes);
      },
      toWireType(destructors, text) {
        if (typeof text !== 'string') throwBindingError('Cannot pass non-string to std::string');
        const bytes = new TextEncoder().encode(text);
        const pointer = _malloc(4 + bytes.length);
        HEAPU32[pointer >> 2] = bytes.length;
        HEAPU8.set(bytes, pointer + 4);
        destructors.push(_free, pointer);
        return pointer;
      },
      argPackAdvance: GenericWireTypeSize,
      readValueFromPointer: readPointer,
      destructorFunction: null, // by the list
    });
  },

  $sharedRegisterType__deps: ['$registeredTypes'],
  $sharedRegisterType: (rawType, type) => {
    registeredTypes[rawType] = type;
  },

  $embind__requireFunction__deps: ['$readLatin1String', '$wasmTable'],
  $embind__requireFunction: (signature, index) => {
    const f = wasmTable.get(index);
    // An address may be in the upper half of the memory: never negative.
    return readLatin1String(signature)[0] === 'p' ? (...args) => f(...args) >>> 0 : f;
  },

  $readLatin1String__deps: [],
  $readLatin1String: (pointer) => {
    let text = '';
    while (HEAPU8[pointer]) text += String.fromCharCode(HEAPU8[pointer++]);
    return text;
  },

  $emval_get_global: () => globalThis,
  $getStringOrSymbol__deps: ['$readLatin1String'],
  $getStringOrSymbol: (address) => readLatin1String(address),

  // What the runtime has to say before it aborts, line by line.
  $unprinted: "''",
  fd_write__deps: ['$unprinted'],
  fd_write__proxy: 'sync',
  fd_write: (_fd, iov, count, written) => {
    let size = 0;
    for (let i = 0; i < count; i++, iov += 8) {
      const start = HEAPU32[iov >> 2];
      const length = HEAPU32[(iov + 4) >> 2];
      unprinted += new TextDecoder().decode(HEAPU8.slice(start, start + length));
      size += length;
    }
    const lines = unprinted.split('\n');
    unprinted = lines.pop();
    for (const line of lines) err(line);
    HEAPU32[written >> 2] = size;
    return 0;
  },
});
